// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/timer.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <system_error>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> note_after(clock::duration wait, int number, std::vector<int>& order) {
    co_await sleep_for(wait);
    order.push_back(number);
}

task<std::error_code> sleep_code(clock::duration wait) { co_return co_await sleep_for(wait); }

}  // namespace

CO_TEST_CASE("a sleep never ends before its time", "[runtime][timer]") {
    for (const auto wait : {1us, 100us, 1000us}) {
        const clock::time_point before = clock::now();
        const std::error_code code = co_await sleep_for(wait);
        REQUIRE_FALSE(code);
        REQUIRE(clock::now() - before >= wait);
    }
    const clock::time_point due = clock::now() + 1ms;
    co_await sleep_until(due);
    REQUIRE(clock::now() >= due);
}

CO_TEST_CASE("sleeps end in the order of their times", "[runtime][timer]") {
    std::vector<int> order;
    scope.spawn(note_after(30ms, 3, order));
    scope.spawn(note_after(10ms, 1, order));
    scope.spawn(note_after(20ms, 2, order));
    co_await scope.join();
    REQUIRE(order == std::vector<int>{1, 2, 3});
}

CO_TEST_CASE("the clock of a sleep starts when it is awaited", "[runtime][timer]") {
    auto later = sleep_for(2ms);
    co_await sleep_for(1ms);
    const clock::time_point before = clock::now();
    co_await later;
    REQUIRE(clock::now() - before >= 2ms);
}

CO_TEST_CASE("a sleep of no length lets others run", "[runtime][timer]") {
    std::vector<int> order;
    scope.spawn(note_after(-1s, 1, order));
    co_await sleep_for(0s);
    co_await sleep_until(clock::time_point::min() + 1s);
    const std::error_code code = co_await sleep_for(-1h);
    REQUIRE_FALSE(code);
    co_await scope.join();
    REQUIRE(order == std::vector<int>{1});
}

CO_TEST_CASE("a sleep says when it was ended early", "[runtime][timer][cancel]") {
    auto longest = scope.spawn(sleep_code(clock::duration::max()));
    co_await test::settle();
    REQUIRE_FALSE(longest.is_done());
    longest.request_stop();
    const std::error_code stopped = co_await longest;
    const std::error_code late = co_await within(1ms, sleep_for(1h));
    REQUIRE(stopped == errc::cancelled);
    REQUIRE(late == errc::timed_out);
}

CO_TEST_CASE("a task may be destroyed while it sleeps", "[runtime][timer][cancel]") {
    std::vector<int> order;
    {
        task_group group;
        group.spawn(note_after(1ms, 1, order));
        group.spawn(note_after(1h, 2, order));
        co_await yield();
    }
    co_await sleep_for(2ms);
    REQUIRE(order.empty());
}
