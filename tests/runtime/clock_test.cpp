// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/clock.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/timer.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;

CO_TEST_CASE("the clock goes on while a task waits, and never back", "[runtime][clock]") {
    const clock::time_point before = clock::now();
    co_await sleep_for(1ms);
    const clock::time_point after = clock::now();
    REQUIRE(after - before >= 1ms);
}

TEST_CASE("a thread without a scheduler has the kernel's monotonic clock", "[runtime][clock]") {
    const auto before = std::chrono::steady_clock::now().time_since_epoch();
    const auto now = clock::now().time_since_epoch();
    const auto after = std::chrono::steady_clock::now().time_since_epoch();
    REQUIRE(before <= now);
    REQUIRE(now <= after);
}

TEST_CASE("a time too far to count is the last there is", "[runtime][clock]") {
    constexpr auto last = clock::time_point::max();
    REQUIRE(saturating_add(last - 1ns, 1ns) == last);
    REQUIRE(saturating_add(last - 1ns, 2ns) == last);
    REQUIRE(saturating_add(clock::time_point(5s), clock::duration::max()) == last);
    REQUIRE(saturating_add(clock::time_point(5s), 2s) == clock::time_point(7s));
    REQUIRE(saturating_add(clock::time_point(5s), -2s) == clock::time_point(3s));
}
