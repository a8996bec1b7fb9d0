// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/shared_queue.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/on.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t items_per_producer = 20'000;
constexpr int rounds_with_losses = 2'000;

using box = std::unique_ptr<int>;

scheduler_options on(backend_kind kernel) { return scheduler_options().backend(kernel); }

task<std::error_code> push_one(shared_queue<box>& to, int value) {
    auto pushed = co_await to.push(std::make_unique<int>(value));
    co_return pushed.error();
}

task<std::error_code> pop_one(shared_queue<box>& from, std::vector<int>& got) {
    auto popped = co_await from.pop();
    if (popped) got.push_back(**popped);
    co_return popped.error();
}

/// What came out of a queue that several use.
struct tally {
    void note(std::int64_t item) noexcept {
        sum += item;
        ++count;
    }
    std::atomic<std::int64_t> sum{0};
    std::atomic<std::int64_t> count{0};
};

task<> push_many(shared_queue<std::int64_t>& to) {
    for (std::int64_t i = 1; i <= items_per_producer; ++i) {
        auto pushed = co_await to.push(i);
        if (!pushed) co_return;
    }
}

task<> pop_many(shared_queue<std::int64_t>& from, tally& all) {
    while (auto item = co_await from.pop()) all.note(*item);
}

/// Two that push and two that pop on this scheduler.
task<> take_part(shared_queue<std::int64_t>& shared, tally& all, std::atomic<int>& producers) {
    task_scope scope;
    scope.spawn(pop_many(shared, all));
    scope.spawn(pop_many(shared, all));
    co_await push_many(shared);
    if (--producers == 0) shared.close();
    co_await scope.join();
}

task<> pop_for_a_while(shared_queue<std::int64_t>& from, tally& all, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        task_group group;
        auto stopped = group.spawn(pop_many(from, all));
        auto destroyed = group.spawn(pop_many(from, all));
        for (int j = 0; j < i % 5; ++j) co_await yield();
        stopped.request_stop();
        co_await stopped;
    }
}

task<> block_in_a_task() {
    shared_queue<int> q(1);
    auto got = q.blocking_pop();
    REQUIRE(got);
    co_return;
}

task<> destroy_under_a_wait() {
    auto short_lived = std::make_unique<shared_queue<box>>(1);
    std::vector<int> got;
    task_scope scope;
    scope.spawn(pop_one(*short_lived, got));
    co_await test::settle();
    short_lived.reset();
}

}  // namespace

CO_TEST_CASE("a shared queue serves tasks of one scheduler in order", "[runtime][shared_queue]") {
    shared_queue<box> q(1);
    std::vector<int> got;
    auto first = scope.spawn(push_one(q, 1));
    co_await test::settle();
    auto second = scope.spawn(push_one(q, 2));
    co_await test::settle();
    REQUIRE(first.is_done());
    REQUIRE_FALSE(second.is_done());
    co_await pop_one(q, got);
    co_await pop_one(q, got);
    const std::error_code code = co_await second;
    REQUIRE_FALSE(code);
    REQUIRE(got == std::vector<int>{1, 2});
    auto waiting = scope.spawn(pop_one(q, got));
    co_await test::settle();
    REQUIRE(q.try_push(std::make_unique<int>(3)));
    REQUIRE_FALSE(q.try_pop());  // it is promised
    co_await waiting;
    REQUIRE(got.back() == 3);
}

CO_TEST_CASE("a closed shared queue is drained, then says so", "[runtime][shared_queue]") {
    shared_queue<box> q(1);
    std::vector<int> got;
    co_await push_one(q, 1);
    auto push = scope.spawn(push_one(q, 2));
    co_await test::settle();
    q.close();
    REQUIRE(q.is_closed());
    const std::error_code refused = co_await push;
    const std::error_code last = co_await pop_one(q, got);
    const std::error_code after = co_await pop_one(q, got);
    REQUIRE(refused == errc::closed);
    REQUIRE_FALSE(last);
    REQUIRE(after == errc::closed);
    REQUIRE(q.size() == 0);
}

CO_TEST_CASE("cancelled waits at a shared queue lose nothing", "[runtime][shared_queue][cancel]") {
    shared_queue<box> q(1);
    std::vector<int> got;
    const std::error_code empty = co_await within(1ms, pop_one(q, got));
    co_await push_one(q, 1);
    auto push = q.push(std::make_unique<int>(2));
    auto full = co_await within(1ms, push);
    box back = push.take_back();
    co_await pop_one(q, got);
    REQUIRE(empty == errc::timed_out);
    REQUIRE(full.error() == errc::timed_out);
    REQUIRE(*back == 2);
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("an item promised to a task that is destroyed stays in a shared queue",
             "[runtime][shared_queue][cancel]") {
    shared_queue<box> q(2);
    std::vector<int> got;
    {
        task_group group;
        group.spawn(pop_one(q, got));
        co_await test::settle();
        REQUIRE(q.try_push(std::make_unique<int>(1)));  // its wakeup is on its way
    }
    {
        task_group group;
        group.spawn(push_one(q, 2));
        group.spawn(push_one(q, 3));
        co_await test::settle();
    }
    co_await pop_one(q, got);
    co_await pop_one(q, got);
    REQUIRE(got.size() == 2);
    REQUIRE(got[0] == 1);
    REQUIRE(q.size() == 0);
}

TEST_CASE("a shared queue joins threads and tasks", "[runtime][shared_queue][threads]") {
    shared_queue<box> to_task(2);
    shared_queue<box> to_thread(2);
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) {
            if (!to_task.blocking_push(std::make_unique<int>(i))) return;
            auto back = to_thread.blocking_pop();
            if (!back || **back != i) return to_task.close();
        }
        to_task.close();
    });
    const int echoed = run([](auto& in, auto& out) -> task<int> {
        int count = 0;
        while (auto item = co_await in.pop()) {
            auto pushed = co_await out.push(std::move(*item));
            count += pushed ? 1 : 0;
        }
        co_return count;
    }(to_task, to_thread));
    other.join();
    REQUIRE(echoed == 1000);
}

TEST_CASE("closing a shared queue frees the threads that block at it",
          "[runtime][shared_queue][threads]") {
    shared_queue<int> empty(1);
    shared_queue<int> full(1);
    REQUIRE(full.try_push(1));
    std::atomic<int> refused{0};
    std::thread popper([&] { refused += empty.blocking_pop().error() == errc::closed ? 1 : 0; });
    std::thread pusher([&] { refused += full.blocking_push(2).error() == errc::closed ? 1 : 0; });
    empty.close();
    full.close();
    popper.join();
    pusher.join();
    REQUIRE(refused == 2);
    REQUIRE(full.blocking_pop().value() == 1);
    REQUIRE(full.blocking_pop().error() == errc::closed);
}

TEST_CASE("many threads and schedulers share a queue", "[runtime][shared_queue][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    shared_queue<std::int64_t> shared(16);
    tally all;
    std::atomic<int> producers{4};
    runtime workers(2, on(kernel));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            for (std::int64_t n = 1; n <= items_per_producer; ++n) {
                static_cast<void>(shared.blocking_push(std::int64_t(n)).has_value());
            }
            if (--producers == 0) shared.close();
        });
        threads.emplace_back([&] {
            while (auto item = shared.blocking_pop()) all.note(*item);
        });
    }
    workers.run([](runtime& both, auto& q, tally& seen, std::atomic<int>& left) -> task<> {
        task_scope scope;
        scope.spawn(on(both.worker(1), take_part(q, seen, left)));
        co_await take_part(q, seen, left);
        co_await scope.join();
    }(workers, shared, all, producers));
    for (std::thread& each : threads) each.join();
    REQUIRE(all.count == 4 * items_per_producer);
    REQUIRE(all.sum == 4 * (items_per_producer * (items_per_producer + 1) / 2));
}

TEST_CASE("tasks that stop or are destroyed lose no item of a shared queue",
          "[runtime][shared_queue][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    shared_queue<std::int64_t> shared(4);
    tally all;
    std::int64_t pushed = 0;
    std::int64_t sum = 0;
    std::thread producer([&] {
        for (std::int64_t n = 1; shared.blocking_push(std::int64_t(n)); ++n) {
            ++pushed;
            sum += n;
        }
    });
    runtime workers(2, on(kernel));
    workers.run([](runtime& both, auto& q, tally& seen) -> task<> {
        task_scope scope;
        scope.spawn(on(both.worker(1), pop_for_a_while(q, seen, rounds_with_losses)));
        co_await pop_for_a_while(q, seen, rounds_with_losses);
        co_await scope.join();
        q.close();
        co_await pop_many(q, seen);
    }(workers, shared, all));
    producer.join();
    REQUIRE(all.count == pushed);
    REQUIRE(all.sum == sum);
}

TEST_CASE("blocking in a task is a bug that is named", "[runtime][shared_queue]") {
    const std::string said = test::stderr_of_death([] { run(block_in_a_task()); });
    REQUIRE_THAT(said, Catch::Contains("this blocks the thread"));
}

TEST_CASE("destroying a shared queue under a wait is a bug that is named",
          "[runtime][shared_queue]") {
    const std::string said = test::stderr_of_death([] { run(destroy_under_a_wait()); });
    REQUIRE_THAT(said, Catch::Contains("a shared queue was destroyed while someone waits at it"));
}
