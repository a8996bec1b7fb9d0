// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/when_all.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<int> number(int value) {
    co_await yield();
    co_return value;
}

task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }

task<> mark(int& marks) {
    co_await yield();
    ++marks;
}

task<int> fail_after(event& begun) {
    co_await begun.wait();
    throw std::runtime_error("from a child");
}

task<std::error_code> wait_for_stop(event& begun, bool& ended) {
    begun.set();
    const std::error_code why = co_await sleep_for(1h);
    co_await yield();
    ended = true;
    co_return why;
}

task<std::string> what_all_throws(event& begun, bool& ended) {
    try {
        co_await when_all(wait_for_stop(begun, ended), fail_after(begun));
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "nothing";
}

struct counted {
    explicit counted(int& live) noexcept : live_(live) { ++live_; }
    counted(const counted&) = delete;
    ~counted() { --live_; }
    int& live_;
};

task<> hold_and_wait(int& live) {
    const counted here(live);
    co_await sleep_for(1h);
}

}  // namespace

CO_TEST_CASE("when_all yields what each yielded, in their order", "[runtime][when_all]") {
    int marks = 0;
    auto [seven, box, none] = co_await when_all(number(7), boxed(8), mark(marks));
    REQUIRE(seven == 7);
    REQUIRE(*box == 8);
    REQUIRE(none == std::monostate());
    REQUIRE(marks == 1);
}

CO_TEST_CASE("when_all of nothing yields nothing", "[runtime][when_all]") {
    const std::tuple<> none = co_await when_all();
    static_cast<void>(none);
    std::vector<task<int>> no_tasks;
    const std::vector<int> values = co_await when_all(std::move(no_tasks));
    REQUIRE(values.empty());
}

CO_TEST_CASE("when_all takes operations and within() beside tasks", "[runtime][when_all]") {
    event never;
    event ready;
    ready.set();
    auto named = ready.wait();
    auto [slept, late, seen, five] =
        co_await when_all(sleep_for(1ms), within(1ms, never.wait()), named, number(5));
    REQUIRE_FALSE(slept);
    REQUIRE(late == errc::timed_out);
    REQUIRE_FALSE(seen);
    REQUIRE(five == 5);
}

CO_TEST_CASE("when_all runs its tasks side by side", "[runtime][when_all]") {
    event begun;
    bool ended = false;
    auto both = when_all(begun.wait(), within(1ms, wait_for_stop(begun, ended)));
    auto [seen, why] = co_await std::move(both);
    REQUIRE_FALSE(seen);
    REQUIRE(why == errc::timed_out);
}

CO_TEST_CASE("the first exception in when_all ends the others first", "[runtime][when_all]") {
    event begun;
    bool ended = false;
    const std::string what = co_await what_all_throws(begun, ended);
    REQUIRE(what == "from a child");
    REQUIRE(ended);
}

CO_TEST_CASE("a stop request reaches all in when_all", "[runtime][when_all][cancel]") {
    auto waiting = scope.spawn(when_all(sleep_for(1h), sleep_for(2h)));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    waiting.request_stop();
    auto [one, two] = co_await waiting;
    REQUIRE(one == errc::cancelled);
    REQUIRE(two == errc::cancelled);
}

CO_TEST_CASE("when_all may be destroyed while it waits", "[runtime][when_all][cancel]") {
    int live = 0;
    {
        task_group group;
        group.spawn(when_all(hold_and_wait(live), hold_and_wait(live)));
        co_await test::settle();
        REQUIRE(live == 2);
    }
    REQUIRE(live == 0);
}

CO_TEST_CASE("when_all takes a vector of tasks", "[runtime][when_all]") {
    std::vector<task<int>> works;
    for (int i = 0; i < 100; ++i) works.push_back(number(i));
    const std::vector<int> values = co_await when_all(std::move(works));
    REQUIRE(values.size() == 100);
    for (int i = 0; i < 100; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == i);
}

CO_TEST_CASE("when_all takes a vector of tasks that return nothing", "[runtime][when_all]") {
    int marks = 0;
    std::vector<task<>> works;
    for (int i = 0; i < 10; ++i) works.push_back(mark(marks));
    co_await when_all(std::move(works));
    REQUIRE(marks == 10);
}
