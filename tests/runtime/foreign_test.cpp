// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/foreign.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <coroutine>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

/// Somebody else's awaitable: resumed by whoever calls fire().
class callback {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
    int await_resume() const {
        if (fails_) throw std::runtime_error("foreign");
        return 7;
    }

    void fire() { std::exchange(waiter_, {}).resume(); }
    void fail() {
        fails_ = true;
        fire();
    }
    bool is_awaited() const noexcept { return static_cast<bool>(waiter_); }

private:
    std::coroutine_handle<> waiter_;
    bool fails_ = false;
};

class ready_at_once {
public:
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    std::unique_ptr<int> await_resume() const { return std::make_unique<int>(3); }
};

class by_operator {
public:
    ready_at_once operator co_await() const noexcept { return {}; }
};

/// Resumes from a thread of its own.
class on_a_thread {
public:
    ~on_a_thread() {
        if (thread_.joinable()) thread_.join();
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        thread_ = std::thread([waiter] { waiter.resume(); });
    }
    std::thread::id await_resume() const noexcept { return std::this_thread::get_id(); }

private:
    std::thread thread_;
};

task<int> await_it(callback& awaited) {
    auto got = co_await awaited;
    co_return got;
}

task<std::string> failure_of(callback& awaited) {
    try {
        co_await awaited;
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "none";
}

task<clock::time_point> deadline_after(callback& awaited) {
    co_await awaited;
    co_return current_context().deadline();
}

task<bool> is_home(std::thread::id home) {
    on_a_thread elsewhere;
    auto other = co_await elsewhere;
    co_return std::this_thread::get_id() == home&& other != home;
}

}  // namespace

CO_TEST_CASE("a foreign awaitable yields its value", "[runtime][foreign]") {
    auto three = co_await ready_at_once();
    auto again = co_await by_operator();
    REQUIRE(*three == 3);
    REQUIRE(*again == 3);
}

CO_TEST_CASE("a foreign callback resumes nothing inline", "[runtime][foreign]") {
    callback awaited;
    task_group group;
    auto pending = group.spawn(await_it(awaited));
    co_await settle();
    REQUIRE(awaited.is_awaited());
    const context* before = &current_context();
    awaited.fire();
    REQUIRE_FALSE(pending.is_done());
    REQUIRE(&current_context() == before);
    auto got = co_await pending;
    REQUIRE(got == 7);
}

CO_TEST_CASE("what a foreign awaitable throws arrives", "[runtime][foreign]") {
    callback awaited;
    task_group group;
    auto pending = group.spawn(failure_of(awaited));
    co_await settle();
    awaited.fail();
    auto what = co_await pending;
    REQUIRE(what == "foreign");
}

CO_TEST_CASE("the context survives a foreign awaitable", "[runtime][foreign]") {
    callback awaited;
    task_group group;
    const clock::time_point due = clock::now() + 1h;
    auto limited = [](callback& c, clock::time_point until) -> task<clock::time_point> {
        auto seen = co_await within(until, deadline_after(c));
        co_return seen;
    };
    auto pending = group.spawn(limited(awaited, due));
    co_await settle();
    awaited.fire();
    auto seen = co_await pending;
    REQUIRE(seen == due);
}

CO_TEST_CASE("a foreign awaitable is awaited also after a stop request", "[runtime][foreign]") {
    callback awaited;
    task_group group;
    group.request_stop();
    auto pending = group.spawn(await_it(awaited));
    co_await settle();
    REQUIRE(awaited.is_awaited());
    awaited.fire();
    const int got = co_await pending;
    REQUIRE(got == 7);
}

CO_TEST_CASE("destroying a task that awaits a foreign awaitable forgets it", "[runtime][foreign]") {
    callback awaited;
    std::optional<task_group> group(std::in_place);
    group->spawn(await_it(awaited));
    co_await settle();
    REQUIRE(awaited.is_awaited());
    group.reset();  // the awaitable must not fire any more, as with any coroutine
}

TEST_CASE("a foreign awaitable that resumes on another thread comes home",
          "[runtime][foreign][threads]") {
    for (int i = 0; i < 200; ++i) {
        scheduler sched(scheduler_options().backend(backend_kind::epoll));
        REQUIRE(sched.run(is_home(std::this_thread::get_id())));
    }
}
