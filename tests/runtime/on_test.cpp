// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/on.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr int errands_under_stop = 2000;

scheduler_options on(backend_kind kernel) { return scheduler_options().backend(kernel); }

task<std::thread::id> thread_of_task() {
    co_await yield();
    co_return std::this_thread::get_id();
}

task<std::unique_ptr<int>> boxed(int value) {
    co_await sleep_for(1us);
    co_return std::make_unique<int>(value);
}

task<int> fail() {
    co_await yield();
    throw std::runtime_error("from there");
}

task<std::string> what_it_throws(scheduler& there, task<int> work) {
    try {
        co_await on(there, std::move(work));
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "nothing";
}

task<std::error_code> code_it_throws(scheduler& there, task<int> work) {
    try {
        co_await on(there, std::move(work));
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code();
}

task<int> number(int value) { co_return value; }

task<std::error_code> wait_long(std::shared_ptr<std::atomic<bool>> begun) {
    *begun = true;
    co_return co_await sleep_for(1h);
}

task<> until(std::shared_ptr<std::atomic<bool>> flag) {
    while (!*flag) co_await yield();
}

std::shared_ptr<std::atomic<bool>> make_flag() {
    return std::make_shared<std::atomic<bool>>(false);
}

/// Says where it was destroyed.
class traveller {
public:
    explicit traveller(std::thread::id& end) noexcept : end_(&end) {}
    traveller(traveller&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
    ~traveller() {
        if (end_ != nullptr) *end_ = std::this_thread::get_id();
    }

private:
    std::thread::id* end_;
};

task<> travel(traveller) { co_await yield(); }

constexpr trace_key<int> answer;

task<int> find_answer() {
    const int* found = find_value(answer);
    co_return found != nullptr ? *found : 0;
}

task<> set_when_ended(std::shared_ptr<std::atomic<bool>> begun,
                      std::shared_ptr<std::atomic<bool>> ended) {
    *begun = true;
    co_await sleep_for(1h);
    *ended = true;
}

task<> count_outcome(scheduler& there, std::atomic<int>& ended) {
    auto flag = make_flag();
    std::error_code code;
    try {
        code = co_await on(there, wait_long(flag));
    } catch (const std::system_error& error) {
        code = error.code();  // it never began
    }
    ended += code == errc::cancelled ? 1 : -1'000'000;
}

/// Errands from `here` to `there` that are stopped at any point of their way.
task<> errands_with_stops(scheduler& there, int rounds, std::atomic<int>& ended) {
    for (int i = 0; i < rounds; ++i) {
        task_group group;
        auto stopped = group.spawn(count_outcome(there, ended));
        auto abandoned = group.spawn(count_outcome(there, ended));
        for (int j = 0; j < i % 7; ++j) co_await yield();
        stopped.request_stop();
        co_await stopped;
    }
}

task<clock::time_point> deadline_there() { co_return current_context().deadline(); }

}  // namespace

CO_TEST_CASE("on the current scheduler runs in place", "[runtime][on]") {
    auto found = co_await with_value(answer, 42, on(scheduler::current(), find_answer()));
    REQUIRE(found == 42);
    const std::string what = co_await what_it_throws(scheduler::current(), fail());
    REQUIRE(what == "from there");
}

TEST_CASE("on yields what a task on another thread returned", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    workers.run([](runtime& both) -> task<> {
        auto there = co_await on(both.worker(1), thread_of_task());
        REQUIRE(there != std::this_thread::get_id());
        auto box = co_await on(both.worker(1), boxed(7));
        REQUIRE(*box == 7);
        auto back = co_await on(both.worker(1), on(both.worker(0), thread_of_task()));
        REQUIRE(back == std::this_thread::get_id());
    }(workers));
}

TEST_CASE("on rethrows what a task on another thread threw", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    const std::string what = workers.run(what_it_throws(workers.worker(1), fail()));
    REQUIRE(what == "from there");
}

TEST_CASE("a deadline goes along to another scheduler", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    workers.run([](scheduler& there) -> task<> {
        const clock::time_point due = clock::now() + 1h;
        const clock::time_point seen = co_await within(due, on(there, deadline_there()));
        REQUIRE(seen == due);
    }(workers.worker(1)));
}

TEST_CASE("a stop request is forwarded and waited for", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    workers.run([](scheduler& there) -> task<> {
        auto begun = make_flag();
        task_scope scope;
        auto waiting = scope.spawn(on(there, wait_long(begun)));
        co_await until(begun);
        waiting.request_stop();
        REQUIRE_FALSE(waiting.is_done());
        const std::error_code code = co_await waiting;
        REQUIRE(code == errc::cancelled);
        co_await scope.join();
    }(workers.worker(1)));
}

TEST_CASE("destroying who waits stops the task there", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    workers.run([](scheduler& there) -> task<> {
        auto begun = make_flag();
        auto ended = make_flag();
        {
            task_group group;
            group.spawn(on(there, set_when_ended(begun, ended)));
            co_await until(begun);
        }
        co_await until(ended);
    }(workers.worker(1)));
}

TEST_CASE("a scheduler that has ended takes no errand", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    scheduler ended(on(kernel));
    ended.run(number(1));
    const std::error_code code = run(code_it_throws(ended, number(2)));
    REQUIRE(code == errc::cancelled);
}

TEST_CASE("an errand to a scheduler that never runs comes back", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::optional<scheduler> never(on(kernel));
    runtime workers(1, on(kernel));
    std::thread destroyer;
    const std::error_code code = workers.run(
        [](std::optional<scheduler>& there, std::thread& other) -> task<std::error_code> {
            task_scope scope;
            auto waiting = scope.spawn(code_it_throws(*there, number(2)));
            co_await sleep_for(1us);
            REQUIRE_FALSE(waiting.is_done());
            other = std::thread([&there] { there.reset(); });
            co_await scope.join();
            co_return waiting.take();
        }(never, destroyer));
    destroyer.join();
    REQUIRE(code == errc::cancelled);
}

TEST_CASE("errands to a scheduler that ends are stopped and come back", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::atomic<int> ended{0};
    runtime home(1, on(kernel));
    scheduler there(on(kernel));
    there.run([](runtime& from, scheduler& to, std::atomic<int>& count) -> task<> {
        const bool posted = from.worker(0).post([&to, &count] {
            for (int i = 0; i < 10; ++i) {
                scheduler::current().guests().spawn(count_outcome(to, count));
            }
        });
        REQUIRE(posted);
        while (to.counters().tasks_spawned.value() < 3) co_await yield();
    }(home, there, ended));
    home.run([](std::atomic<int>& count) -> task<> {
        while (count < 10) co_await yield();
    }(ended));
    REQUIRE(ended == 10);
}

TEST_CASE("parameters and frame of an errand end on the thread they are from",
          "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(1, on(kernel));
    const auto here = std::this_thread::get_id();
    std::thread::id end;
    const std::int64_t frames = frame_pool::of_thread().live();
    run([](scheduler& there, std::thread::id& ended_on) -> task<> {
        traveller guest(ended_on);
        co_await on(there, travel(std::move(guest)));
    }(workers.worker(0), end));
    REQUIRE(end == here);
    REQUIRE(frame_pool::of_thread().live() == frames);
    end = std::thread::id();
    workers.run(travel(traveller(end)));
    REQUIRE(end == here);
    REQUIRE(frame_pool::of_thread().live() == frames);
}

TEST_CASE("errands and stops may cross between workers", "[runtime][on][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(3, on(kernel));
    std::atomic<int> ended{0};
    constexpr int rounds = errands_under_stop / 3;
    workers.run([](runtime& all, std::atomic<int>& count) -> task<> {
        task_scope scope;
        for (std::size_t i = 0; i < 3; ++i) {
            scheduler& from = all.worker(i);
            scheduler& to = all.worker((i + 1) % 3);
            scope.spawn(on(from, errands_with_stops(to, rounds, count)));
        }
        co_await scope.join();
    }(workers, ended));
    REQUIRE(ended >= errands_under_stop / 3 * 3);
}
