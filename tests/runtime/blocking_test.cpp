// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/blocking.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace conduit;

namespace {

constexpr int calls_under_cancellation = 2000;

scheduler_options epoll_with(std::size_t threads) {
    return scheduler_options().backend(backend_kind::epoll).blocking_threads_max(threads);
}

int seven() { return 7; }
void nothing() {}
int fail() { throw std::runtime_error("from the pool"); }
result<int> refuse() { return std::make_error_code(std::errc::permission_denied); }

task<std::string> what_it_throws() {
    try {
        auto none = co_await blocking(&fail);
        static_cast<void>(none);
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "nothing";
}

/// A function that says when it has begun, and ends when it is let go.
struct gate {
    auto function() {
        return [this, held = std::make_shared<int>(7), copies = alive] {
            begun = true;
            open.acquire();
            return *held;
        };
    }
    task<> passed_by_thread() {
        while (!begun) co_await yield();
    }

    std::shared_ptr<int> alive = std::make_shared<int>();  // counts copies of the function
    std::atomic<bool> begun{false};
    std::binary_semaphore open{0};
};

task<std::error_code> call(gate& through, int& got) {
    auto function = through.function();
    auto value = co_await blocking(std::move(function));
    if (value) got = *value;
    co_return value.error();
}

task<> count_most(std::atomic<int>& inside, std::atomic<int>& most) {
    auto function = [&inside, &most] {
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
    };
    auto done = co_await blocking(std::move(function));
    REQUIRE(done);
}

bool blocks_signals() {
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGCHLD) == 1 &&
           sigismember(&blocked, SIGSEGV) == 0;
}

}  // namespace

CO_TEST_CASE("blocking yields what the function returned", "[runtime][blocking]") {
    auto number = co_await blocking(&seven);
    REQUIRE(number.value() == 7);
    auto done = co_await blocking(&nothing);
    REQUIRE(done);
    auto refused = co_await blocking(&refuse);
    REQUIRE(refused.error() == std::errc::permission_denied);
    auto make_box = [five = std::make_unique<int>(5)]() mutable { return std::move(five); };
    auto box = co_await blocking(std::move(make_box));
    REQUIRE(**box == 5);
}

CO_TEST_CASE("blocking rethrows what the function threw", "[runtime][blocking]") {
    const std::string what = co_await what_it_throws();
    REQUIRE(what == "from the pool");
}

CO_TEST_CASE("a call for a stopped task is not made", "[runtime][blocking][cancel]") {
    bool called = false;
    auto function = [&called] { called = true; };
    scope.request_stop();
    auto done = co_await blocking(std::move(function));
    REQUIRE(done.error() == errc::cancelled);
    REQUIRE_FALSE(called);
}

TEST_CASE("blocking calls on another thread without signals", "[runtime][blocking][threads]") {
    scheduler sched(epoll_with(1));
    sched.run([]() -> task<> {
        auto thread = co_await blocking(&std::this_thread::get_id);
        auto quiet = co_await blocking(&blocks_signals);
        REQUIRE(thread.value() != std::this_thread::get_id());
        REQUIRE(quiet.value());
        REQUIRE_FALSE(blocks_signals());
    }());
}

TEST_CASE("no more calls run at a time than threads are allowed", "[runtime][blocking][threads]") {
    scheduler sched(epoll_with(3));
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    sched.run([](auto& in, auto& max) -> task<> {
        task_scope scope;
        for (int i = 0; i < 200; ++i) scope.spawn(count_most(in, max));
        co_await scope.join();
    }(inside, most));
    REQUIRE(most >= 1);
    REQUIRE(most <= 3);
}

TEST_CASE("without a thread of its own allowed a call gets one all the same",
          "[runtime][blocking][threads]") {
    auto body = []() -> task<int> {
        auto got = co_await blocking(&seven);
        co_return got.value();
    };
    scheduler sched(epoll_with(0));
    REQUIRE(sched.run(body()) == 7);
}

TEST_CASE("a call that waits in line can be cancelled", "[runtime][blocking][threads]") {
    scheduler sched(epoll_with(1));
    gate first;
    gate second;
    sched.run([](gate& one, gate& two) -> task<> {
        int got = 0;
        task_scope scope;
        auto running = scope.spawn(call(one, got));
        co_await one.passed_by_thread();
        auto in_line = scope.spawn(call(two, got));
        co_await test::settle();
        in_line.request_stop();
        const std::error_code code = co_await in_line;
        REQUIRE(code == errc::cancelled);
        REQUIRE_FALSE(running.is_done());
        one.open.release();
        co_await scope.join();
        REQUIRE(got == 7);
    }(first, second));
    REQUIRE_FALSE(second.begun);
    REQUIRE(second.alive.use_count() == 1);
}

TEST_CASE("a stop request does not abandon a call that runs", "[runtime][blocking][threads]") {
    scheduler sched(epoll_with(1));
    gate slow;
    sched.run([](gate& through) -> task<> {
        int got = 0;
        task_scope scope;
        auto running = scope.spawn(call(through, got));
        co_await through.passed_by_thread();
        running.request_stop();
        co_await test::settle();
        REQUIRE_FALSE(running.is_done());
        through.open.release();
        const std::error_code code = co_await running;
        REQUIRE_FALSE(code);
        REQUIRE(got == 7);
    }(slow));
    REQUIRE(slow.alive.use_count() == 1);
}

TEST_CASE("destroying the task abandons a call, which owns what it needs",
          "[runtime][blocking][threads]") {
    gate slow;
    gate in_line;
    {
        scheduler sched(epoll_with(1));
        sched.run([](gate& one, gate& two) -> task<> {
            int got = 0;
            {
                task_group group;
                group.spawn(call(one, got));
                co_await one.passed_by_thread();
                group.spawn(call(two, got));
                co_await test::settle();
            }
            REQUIRE(one.alive.use_count() == 2);  // the one that runs
            REQUIRE(two.alive.use_count() == 1);
            one.open.release();
        }(slow, in_line));
        REQUIRE(slow.alive.use_count() == 1);  // run() has waited for its thread
    }
    REQUIRE_FALSE(in_line.begun);
}

TEST_CASE("calls and cancellations may cross", "[runtime][blocking][threads]") {
    scheduler sched(epoll_with(2));
    std::atomic<int> called{0};
    int served = 0;
    int cancelled = 0;
    sched.run([](std::atomic<int>& calls, int& good, int& bad) -> task<> {
        auto one = [](std::atomic<int>& n, int& yes, int& no) -> task<> {
            auto function = [&n] { ++n; };
            auto done = co_await blocking(std::move(function));
            ++(done ? yes : no);
        };
        for (int i = 0; i < calls_under_cancellation; i += 8) {
            task_scope scope;
            std::vector<child<void>> children;
            for (int j = 0; j < 8; ++j) children.push_back(scope.spawn(one(calls, good, bad)));
            for (int j = 0; j < i % 5; ++j) co_await yield();
            for (std::size_t j = 0; j < 8; j += 2) children[j].request_stop();
            co_await scope.join();
        }
    }(called, served, cancelled));
    REQUIRE(served == called);
    REQUIRE(served + cancelled == calls_under_cancellation);
}
