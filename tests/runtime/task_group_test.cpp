// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/task_group.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<int> value_after(clock::duration wait, int value) {
    const std::error_code ended = co_await sleep_for(wait);
    co_return ended ? -1 : value;
}

task<int> failing() {
    co_await yield();
    throw std::runtime_error("child");
}

task<std::string> failure_of(child<int>& awaited) {
    try {
        co_await awaited;
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "none";
}

task<std::string> failure_of_join(task_group& group) {
    try {
        co_await group.join();
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "none";
}

task<std::error_code> wait_shortly(child<int>& awaited) {
    try {
        co_await within(1ms, awaited);
    } catch (const std::system_error& error) {
        co_return error.code();
    }
    co_return std::error_code();
}

/// Owns tasks as a member, made inside a context that is gone when it is used.
class server {
public:
    void start() { group_.spawn(value_after(1h, 1)); }
    task_group& group() { return group_; }

private:
    task_group group_;
};

task<std::unique_ptr<server>> make_server() {
    auto made = std::make_unique<server>();
    made->start();
    co_return made;
}

}  // namespace

CO_TEST_CASE("a child yields what its task returned", "[runtime][task_group]") {
    task_group group;
    auto five = group.spawn(value_after(1ms, 5));
    REQUIRE_FALSE(five.is_done());
    auto got = co_await five;
    REQUIRE(got == 5);
    REQUIRE(five.is_done());
    REQUIRE(group.empty());
}

CO_TEST_CASE("a child that is dropped goes on", "[runtime][task_group]") {
    task_group group;
    {
        auto dropped = group.spawn(value_after(1ms, 5));
    }
    REQUIRE_FALSE(group.empty());
    co_await group.join();
    REQUIRE(group.empty());
}

CO_TEST_CASE("what a child throws arrives at who awaits it and at join", "[runtime][task_group]") {
    task_group group;
    auto bad = group.spawn(failing());
    auto other = group.spawn(value_after(1h, 1));
    auto from_child = co_await failure_of(bad);
    auto stopped = co_await other;
    auto from_join = co_await failure_of_join(group);
    REQUIRE(from_child == "child");
    REQUIRE(stopped == -1);
    REQUIRE(from_join == "child");
}

CO_TEST_CASE("a wait for a child can expire and be repeated", "[runtime][task_group]") {
    task_group group;
    auto slow = group.spawn(value_after(50ms, 5));
    const std::error_code ended = co_await wait_shortly(slow);
    REQUIRE(ended == errc::timed_out);
    auto got = co_await slow;
    REQUIRE(got == 5);
}

CO_TEST_CASE("a child of a destroyed group is done", "[runtime][task_group]") {
    std::optional<task_group> group(std::in_place);
    auto orphan = group->spawn(value_after(1h, 1));
    co_await test::settle();
    group.reset();
    REQUIRE(orphan.is_done());
}

CO_TEST_CASE("a child moves to another handle", "[runtime][task_group]") {
    task_group group;
    auto first = group.spawn(value_after(1ms, 1));
    auto second = group.spawn(value_after(2ms, 2));
    first = std::move(second);
    auto got = co_await first;
    co_await group.join();
    REQUIRE(got == 2);
}

CO_TEST_CASE("a group outlives the context it was made in", "[runtime][task_group]") {
    auto made = co_await within(5ms, make_server());
    co_await sleep_for(10ms);
    REQUIRE_FALSE(made->group().empty());
    made->group().request_stop();
    co_await made->group().join();
    REQUIRE(made->group().empty());
}

CO_TEST_CASE("a spawned task inherits from its group, not from who spawns",
             "[runtime][task_group]") {
    task_group group;
    child<int> slow = group.spawn(value_after(0ms, 0));
    const int first = co_await slow;
    auto spawner = [](task_group& g, child<int>& made) -> task<> {
        made = g.spawn(value_after(20ms, 5));
        co_return;
    };
    auto hurried = spawner(group, slow);
    co_await within(1ms, std::move(hurried));
    auto got = co_await slow;
    REQUIRE(first == 0);
    REQUIRE(got == 5);
}

CO_TEST_CASE("who awaits a child of a destroyed group hears of it", "[runtime][task_group]") {
    std::optional<task_group> group(std::in_place);
    auto awaited = group->spawn(value_after(1h, 1));
    auto wait = [](child<int>& c) -> task<std::string> {
        auto why = co_await failure_of(c);
        co_return why;
    };
    task_group waiters;
    auto waiting = waiters.spawn(wait(awaited));
    co_await test::settle();
    group.reset();
    auto why = co_await waiting;
    REQUIRE(why == "cancelled");
}

TEST_CASE("a failure that nobody sees is logged", "[runtime][task_group]") {
    std::string logged;
    auto sink = [&logged](log_level, std::string_view line) { logged += line; };
    auto forget = []() -> task<> {
        task_group group;
        group.spawn(failing());
        co_await test::settle();
    };
    auto options = scheduler_options().backend(backend_kind::epoll).log(sink);
    options.stall_limit(clock::duration::zero());  // nothing of being off the CPU
    scheduler(options).run(forget());
    REQUIRE(logged == "the failure of a task was not seen by anybody: child");
}

CO_TEST_CASE("a deadline works in a group made under one that has passed",
             "[runtime][task_group]") {
    auto made = co_await within(5ms, make_server());
    co_await sleep_for(10ms);
    auto bounded = []() -> task<std::error_code> {
        const std::error_code ended = co_await within(1ms, sleep_for(1h));
        co_return ended;
    };
    auto pending = made->group().spawn(bounded());
    const std::error_code ended = co_await pending;
    REQUIRE(ended == errc::timed_out);
}
