// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/within.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <stop_token>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr trace_key<int> request_id{};
constexpr trace_key<std::string> tenant{};

task<int> visible_id() {
    co_await yield();
    const int* id = find_value(request_id);
    co_return id != nullptr ? *id : -1;
}

task<std::string> visible_tenant() {
    const std::string* name = find_value(tenant);
    co_return name != nullptr ? *name : "none";
}

task<std::string> both_values() {
    auto name = co_await with_value(tenant, "blue", visible_tenant());
    auto id = co_await visible_id();
    co_return name + std::to_string(id);
}

task<std::error_code> sleep_long() {
    const std::error_code ended = co_await sleep_for(1h);
    co_return ended;
}

/// The inner limit is the longer one, so the outer deadline ends both waits.
task<std::array<std::error_code, 2>> inner_limits() {
    std::array<std::error_code, 2> seen;
    seen[0] = co_await within(1h, sleep_long());
    seen[1] = co_await sleep_for(1h);  // a context that has ended starts nothing
    co_return seen;
}

task<clock::time_point> deadline_inside() { co_return current_context().deadline(); }

task<std::string> name_inside() { co_return std::string(current_context().name()); }

task<std::error_code> stop_self_then_wait(task_group& group) {
    group.request_stop();
    auto slow = sleep_long();
    const std::error_code ended = co_await within(1h, std::move(slow));
    co_return ended;
}

task<int> at_once() { co_return 5; }

}  // namespace

CO_TEST_CASE("within ends a wait when its time has passed", "[runtime][within]") {
    const clock::time_point begun = clock::now();
    const std::error_code ended = co_await within(2ms, sleep_for(1h));
    REQUIRE(ended == errc::timed_out);
    REQUIRE(clock::now() - begun >= 2ms);
}

CO_TEST_CASE("within yields what it awaits when that is in time", "[runtime][within]") {
    auto five = co_await within(1h, at_once());
    const std::error_code ended = co_await within(1h, sleep_for(1ms));
    REQUIRE(five == 5);
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("the nearest of nested deadlines counts", "[runtime][within]") {
    auto seen = co_await within(1ms, inner_limits());
    REQUIRE(seen[0] == errc::timed_out);
    REQUIRE(seen[1] == errc::timed_out);
    const std::error_code outside = co_await sleep_for(1ms);
    REQUIRE(outside == std::error_code());
}

CO_TEST_CASE("what completes at once is never too late", "[runtime][within]") {
    auto five = co_await within(-1h, at_once());
    REQUIRE(five == 5);
}

CO_TEST_CASE("a deadline is visible inside and gone outside", "[runtime][within]") {
    const clock::time_point due = clock::now() + 1h;
    const clock::time_point inside = co_await within(due, deadline_inside());
    REQUIRE(inside == due);
    REQUIRE(current_context().deadline() == clock::time_point::max());
}

CO_TEST_CASE("a stop requested before the context is settled is felt", "[runtime][within]") {
    task_group group;
    auto pending = group.spawn(stop_self_then_wait(group));
    const std::error_code ended = co_await pending;
    REQUIRE(ended == errc::cancelled);
}

CO_TEST_CASE("trace values are found inside, the nearest first, and not outside",
             "[runtime][within]") {
    auto inside = co_await with_value(request_id, 7, visible_id());
    auto nested = co_await with_value(request_id, 8, both_values());
    auto outside = co_await visible_id();
    REQUIRE(inside == 7);
    REQUIRE(nested == "blue8");
    REQUIRE(outside == -1);
}

CO_TEST_CASE("a name is that of the context inside", "[runtime][within]") {
    auto inside = co_await with_name("reload", name_inside());
    REQUIRE(inside == "reload");
}

CO_TEST_CASE("a stop_token stops what is awaited with it", "[runtime][within]") {
    std::stop_source source;
    task_group group;
    auto tied = [](std::stop_token token) -> task<std::error_code> {
        const std::error_code ended = co_await with_stop(std::move(token), sleep_long());
        co_return ended;
    };
    auto pending = group.spawn(tied(source.get_token()));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    source.request_stop();
    const std::error_code ended = co_await pending;
    REQUIRE(ended == errc::cancelled);
}

CO_TEST_CASE("a stop_token that has stopped already lets nothing start", "[runtime][within]") {
    std::stop_source source;
    source.request_stop();
    const std::error_code ended = co_await with_stop(source.get_token(), sleep_for(1h));
    REQUIRE(ended == errc::cancelled);
}

CO_TEST_CASE("destroying a task inside within leaves nothing behind", "[runtime][within]") {
    auto limited = []() -> task<> {
        auto slow = sleep_long();
        co_await within(1h, std::move(slow));
    };
    {
        task_group group;
        group.spawn(limited());
        co_await test::settle();
    }
    const std::error_code ended = co_await sleep_for(1ms);
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("a stop after what it stops has ended does nothing", "[runtime][within]") {
    std::stop_source source;
    auto kept = with_stop(source.get_token(), at_once());
    auto five = co_await std::move(kept);
    source.request_stop();
    REQUIRE(five == 5);
    const std::error_code ended = co_await sleep_for(1ms);
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("a deadline ends a task that only yields", "[runtime][within]") {
    auto spin = []() -> task<> {
        while (!stop_requested()) co_await yield();
    };
    auto spinning = spin();
    co_await within(100us, std::move(spinning));
    auto compute = []() -> task<> {
        while (!stop_requested()) co_await at_once();
    };
    auto computing = compute();
    co_await within(100us, std::move(computing));
}

CO_TEST_CASE("an operation that is awaited again begins anew", "[runtime][within]") {
    event awaited;
    auto wait = awaited.wait();
    const std::error_code expired = co_await within(1ms, wait);
    awaited.set();
    const std::error_code seen = co_await wait;
    REQUIRE(expired == errc::timed_out);
    REQUIRE(seen == std::error_code());
}

CO_TEST_CASE("destroying a task leaves an operation that it had named before within",
             "[runtime][within]") {
    auto wait_named = [](event& awaited) -> task<> {
        auto named = awaited.wait();
        co_await within(1h, named);
    };
    event awaited;
    {
        task_group group;
        group.spawn(wait_named(awaited));
        co_await test::settle();
    }
    awaited.set();
    co_await awaited.wait();
}
