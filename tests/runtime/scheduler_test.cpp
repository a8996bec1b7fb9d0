// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/scheduler.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

scheduler_options on_epoll() { return scheduler_options().backend(backend_kind::epoll); }

scheduler_options on_sim(std::uint64_t seed) {
    return scheduler_options().backend(backend_kind::sim).seed(seed);
}

task<int> five() { co_return 5; }

task<> fail() {
    co_await yield();
    throw std::runtime_error("root");
}

task<> wait_for_ever(std::error_code& seen) {
    handle_pair pair = attached_pipe();
    std::array<std::byte, 8> buffer{};
    auto got = co_await pair.in.read_some(buffer);
    seen = got.error();
}

task<> leave_a_guest(std::error_code& seen) {
    scheduler::current().guests().spawn(wait_for_ever(seen));
    co_await settle();
}

task<> take_turns(std::vector<int>& log, int who, int times) {
    for (int i = 0; i < times; ++i) {
        log.push_back(who);
        co_await yield();
    }
}

task<> three_takers(std::vector<int>& log) {
    task_scope scope;
    for (int who = 0; who < 3; ++who) scope.spawn(take_turns(log, who, 20));
    co_await scope.join();
}

task<> hog(bool& stop, long& rounds) {
    while (!stop) {
        auto got = co_await five();
        rounds += got;
    }
}

/// Some of everything that a simulation draws.
task<> busy_life(int depth) {
    handle_pair pair = attached_pipe();
    std::array<std::byte, 100> buffer{};
    task_scope scope;
    if (depth > 0) scope.spawn(busy_life(depth - 1));
    for (int i = 0; i < 10; ++i) {
        auto written = co_await pair.out.write_some(buffer);
        auto got = co_await pair.in.read_some(buffer);
        REQUIRE(written);
        REQUIRE(got);
        auto late = co_await within(3us, pair.in.read_some(buffer));
        if (late) REQUIRE(*late > 0);
        co_await sleep_for(1us);
    }
    co_await scope.join();
}

std::uint64_t hash_of_life(std::uint64_t seed) {
    scheduler sched(on_sim(seed));
    sched.run(busy_life(5));
    return sched.event_hash();
}

task<int> leaf(io_handle& in) {
    std::array<std::byte, 8> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got ? 1 : 0;
}

task<int> branch(io_handle& in) {
    auto got = co_await leaf(in);
    co_return got;
}

task<> quit_and_die() {
    co_await test::settle();
    std::raise(SIGQUIT);
    co_await test::settle();
    std::abort();
}

/// Another event loop: runs the scheduler until `done`. A wait of 30 seconds is a hang.
void run_inside_poll(scheduler& sched, const bool& done) {
    while (!done) {
        if (sched.run_ready()) continue;
        if (done) break;
        const bool is_endless = sched.next_deadline() == clock::time_point::max();
        const auto limit = is_endless ? 30s : sched.next_deadline() - clock::now();
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(limit);
        pollfd watched{sched.native_handle(), POLLIN, 0};
        const int ready = ::poll(&watched, 1, std::max(0, static_cast<int>(rounded.count())));
        REQUIRE((ready > 0 || !is_endless));
    }
}

/// More than one turn may lend, of what came as one event.
task<> receive_often(bool& done) {
    handle_pair pair = attached_socket_pair();
    auto sent = co_await pair.out.write_some(bytes_of("0123456789abcdefghij"));
    std::string got;
    while (got.size() < 20) {
        auto buffer = co_await pair.in.receive_lent();
        const auto bytes = buffer.value().bytes();
        for (const std::byte one : bytes) got.push_back(static_cast<char>(one));
    }
    done = sent.value() == 20 && got == "0123456789abcdefghij";
}

scheduler_options with_dump() {
    return scheduler_options().backend(backend_kind::epoll).dump_on_sigquit();
}

}  // namespace

TEST_CASE("run yields what the task returned", "[runtime][scheduler]") {
    REQUIRE(scheduler(on_epoll()).run(five()) == 5);
    REQUIRE(scheduler(on_sim(1)).run(five()) == 5);
}

TEST_CASE("run throws what the task threw", "[runtime][scheduler]") {
    scheduler sched(on_epoll());
    REQUIRE_THROWS_WITH(sched.run(fail()), "root");
    REQUIRE(sched.run(five()) == 5);  // and can run again
}

TEST_CASE("a scheduler that ends cancels and drains", "[runtime][scheduler]") {
    for (const auto& options : {on_epoll(), on_sim(3)}) {
        std::error_code seen;
        scheduler sched(options);
        sched.run(leave_a_guest(seen));
        REQUIRE(seen == errc::cancelled);
        REQUIRE(sched.counters().tasks_live.value() == 0);
    }
}

TEST_CASE("ready tasks take turns", "[runtime][scheduler]") {
    std::vector<int> log;
    scheduler(on_epoll()).run(three_takers(log));
    REQUIRE(log.size() == 60);
    for (std::size_t i = 0; i < log.size(); i += 3) {
        REQUIRE(std::vector<int>(log.begin() + i, log.begin() + i + 3) ==
                std::vector<int>{0, 1, 2});
    }
}

CO_TEST_CASE("a task that never waits does not starve the others", "[runtime][scheduler]") {
    bool stop = false;
    long rounds = 0;
    task_scope inner;
    inner.spawn(hog(stop, rounds));
    handle_pair pair = attached_pipe();
    auto written = co_await pair.out.write_some(bytes_of("x"));
    std::array<std::byte, 8> buffer{};
    auto got = co_await pair.in.read_some(buffer);
    co_await sleep_for(100us);
    stop = true;
    co_await inner.join();
    REQUIRE(written);
    REQUIRE(got.value() == 1);
    REQUIRE(rounds > 0);
}

TEST_CASE("the same seed gives the same run, with every compiler", "[runtime][scheduler][sim]") {
    const std::uint64_t first = hash_of_life(42);
    REQUIRE(hash_of_life(42) == first);
    REQUIRE(hash_of_life(43) != first);
    REQUIRE(first == UINT64_C(0x932ba2b974cbb6f6));  // as g++ 12 and clang 19 have it
}

TEST_CASE("time is virtual in a simulation", "[runtime][scheduler][sim]") {
    auto sleep_a_year = []() -> task<clock::duration> {
        const clock::time_point begun = clock::now();
        co_await sleep_for(24h * 365);
        co_return clock::now() - begun;
    };
    REQUIRE(scheduler(on_sim(1)).run(sleep_a_year()) >= 24h * 365);
}

TEST_CASE("a simulation says when a task can never end", "[runtime][scheduler][sim]") {
    std::error_code seen;
    scheduler sched(on_sim(1));
    REQUIRE_THROWS_WITH(sched.run(wait_for_ever(seen)),
                        Contains("deadlock") && Contains("wait_for_ever") && Contains("read"));
}

CO_TEST_CASE("dump_tasks shows where each task stands and what it waits for",
             "[runtime][scheduler]") {
    handle_pair pair = attached_pipe();
    task_group group;
    group.spawn(branch(pair.in), "reader");
    auto limited = [](io_handle& from) -> task<int> {
        auto got = co_await within(1h, branch(from));
        co_return got;
    };
    handle_pair other = attached_pipe();
    group.spawn(limited(other.in));
    co_await settle();
    const std::string dump = scheduler::current().dump_tasks();
    group.request_stop();
    co_await group.join();
    CAPTURE(dump);
    REQUIRE_THAT(dump, Contains("[main]"));
    REQUIRE_THAT(dump, Contains("[reader]"));
    REQUIRE_THAT(dump, Contains("branch (scheduler_test.cpp:"));
    REQUIRE_THAT(dump, Contains("> leaf (scheduler_test.cpp:"));
    REQUIRE_THAT(dump, Contains(": read, "));
    REQUIRE_THAT(dump, Contains("left"));
}

TEST_CASE("CONDUIT_BACKEND chooses, and a wrong word is named", "[runtime][scheduler]") {
    REQUIRE(::setenv("CONDUIT_BACKEND", "epoll", 1) == 0);
    REQUIRE(scheduler().backend_name() == "epoll");
    REQUIRE(::setenv("CONDUIT_BACKEND", "kqueue", 1) == 0);
    REQUIRE_THROWS_WITH(scheduler(), Contains("CONDUIT_BACKEND is \"kqueue\""));
    REQUIRE(::unsetenv("CONDUIT_BACKEND") == 0);
}

CO_TEST_CASE("posted functions run between tasks, in order", "[runtime][scheduler]") {
    std::vector<int> log;
    for (int i = 0; i < 3; ++i) {
        const bool sent = scheduler::current().post([&log, i] { log.push_back(i); });
        REQUIRE(sent);
    }
    REQUIRE(log.empty());
    co_await settle();
    REQUIRE(log == std::vector<int>{0, 1, 2});
}

TEST_CASE("a function posted before run is called in it", "[runtime][scheduler]") {
    int calls = 0;
    scheduler sched(on_epoll());
    REQUIRE(sched.post([&calls] { ++calls; }));
    auto settled = []() -> task<> { co_await settle(); };
    sched.run(settled());
    REQUIRE(calls == 1);
    REQUIRE_FALSE(sched.post([] {}));  // it has ended
}

TEST_CASE("a function posted to a scheduler that never runs is destroyed", "[runtime][scheduler]") {
    auto kept = std::make_shared<int>(1);
    {
        scheduler sched(on_epoll());
        REQUIRE(sched.post([kept] {}));
        REQUIRE(kept.use_count() == 2);
    }
    REQUIRE(kept.use_count() == 1);
}

TEST_CASE("a scheduler may print its tasks on SIGQUIT", "[runtime][scheduler]") {
    const std::string said =
        test::stderr_of_death([] { scheduler(with_dump()).run(quit_and_die()); });
    REQUIRE_THAT(said, Catch::Contains("[main] quit_and_die"));
    REQUIRE_THAT(said, Catch::Contains("[SIGQUIT]"));
}

TEST_CASE("a second scheduler that wants SIGQUIT says that it cannot have it",
          "[runtime][scheduler]") {
    std::string line;
    auto logging = with_dump().log([&line](log_level, std::string_view text) { line = text; });
    logging.stall_limit(clock::duration::zero());  // nothing of being off the CPU
    auto other = [](const scheduler_options& options) -> task<> {
        co_await test::settle();
        std::thread([&options] { scheduler(options).run(test::settle()); }).join();
    };
    scheduler(with_dump()).run(other(logging));
    REQUIRE_THAT(line, Catch::Contains("SIGQUIT is not watched"));
}

TEST_CASE("the kernel is asked once per budget, however many tasks are ready",
          "[runtime][scheduler]") {
    auto spend = []() -> task<> {
        for (int i = 0; i < loop::budget_of_turn; ++i) co_await five();
    };
    auto many = [](task<> (*work)()) -> task<> {
        task_scope scope;
        for (int i = 0; i < 200; ++i) scope.spawn(work());
        co_await scope.join();
    };
    scheduler sched(on_epoll());
    sched.run(many(spend));
    REQUIRE(sched.counters().polls.value() >= 200);
}

TEST_CASE("a sleep without end is a deadlock in a simulation", "[runtime][scheduler][sim]") {
    auto sleep = []() -> task<> { co_await sleep_for(clock::duration::max()); };
    REQUIRE_THROWS_WITH(scheduler(on_sim(1)).run(sleep()), Contains("deadlock"));
}

TEST_CASE("another event loop may run a scheduler", "[runtime][scheduler]") {
    auto work = [](bool& done) -> task<> {
        const std::error_code slept = co_await sleep_for(2ms);
        co_await settle();
        done = !slept;
    };
    scheduler sched(on_epoll());
    bool done = false;
    bool received = false;
    bool both = false;
    sched.post([&] {
        task_group& guests = scheduler::current().guests();
        guests.spawn(work(done));
        guests.spawn(receive_often(received));
    });
    run_inside_poll(sched, done);
    sched.post([&both] { both = true; });  // wakes the descriptor
    run_inside_poll(sched, both);
    REQUIRE(received);
    REQUIRE(loop::current == nullptr);
}

TEST_CASE("what came as one event is lent over several turns", "[runtime][scheduler]") {
    scheduler sched(on_epoll().lent_buffers(16, 1));
    bool done = false;
    sched.post([&] { scheduler::current().guests().spawn(receive_often(done)); });
    run_inside_poll(sched, done);
    REQUIRE(done);
}

TEST_CASE("run_ready does a turn's work and says that there is more", "[runtime][scheduler]") {
    scheduler sched(on_epoll());
    bool stop = false;
    long rounds = 0;
    sched.post([&] { scheduler::current().guests().spawn(hog(stop, rounds)); });
    const bool more = sched.run_ready();
    REQUIRE(more);
    REQUIRE(rounds > 0);
    REQUIRE(rounds <= 5 * loop::budget_of_turn);
    stop = true;
    while (sched.run_ready()) {
    }
    REQUIRE(sched.counters().tasks_live.value() == 0);
}

TEST_CASE("a scheduler in another event loop destroys its tasks at its end",
          "[runtime][scheduler]") {
    std::error_code seen = errc::closed;
    std::optional<scheduler> sched(std::in_place, on_epoll());
    sched->post([&] { scheduler::current().guests().spawn(wait_for_ever(seen)); });
    while (sched->run_ready()) {
    }
    REQUIRE(sched->counters().tasks_live.value() == 1);
    sched.reset();
    REQUIRE(seen == errc::closed);  // nothing was resumed
}

TEST_CASE("only epoll runs inside another event loop", "[runtime][scheduler]") {
    scheduler sched(on_sim(1));
    try {
        static_cast<void>(sched.native_handle());
        FAIL("it has a handle");
    } catch (const std::system_error& error) {
        REQUIRE(error.code() == std::errc::not_supported);
        REQUIRE_THAT(error.what(), Contains("this is sim"));
    }
}

TEST_CASE("two loops for one scheduler are a bug of the caller", "[runtime][scheduler]") {
    const auto twice = stderr_of_death([] {
        scheduler sched(on_epoll());
        sched.run_ready();
        sched.run(five());
    });
    const auto inside = stderr_of_death([] {
        auto nest = []() -> task<> {
            scheduler::current().run_ready();
            co_return;
        };
        scheduler(on_epoll()).run(nest());
    });
    REQUIRE_THAT(twice, Contains("another event loop runs this scheduler"));
    REQUIRE_THAT(inside, Contains("already runs on this thread"));
}

TEST_CASE("a channel that outlives its scheduler is a bug of the caller", "[runtime][scheduler]") {
    const auto said = stderr_of_death([] {
        auto make = []() -> task<io_handle> {
            handle_pair pair = attached_pipe();
            co_return std::move(pair.in);
        };
        io_handle kept;
        kept = scheduler(on_epoll()).run(make());
    });
    REQUIRE_THAT(said, Contains("a channel outlived its scheduler"));
}
