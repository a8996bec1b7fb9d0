// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/growing_wait.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::chance;
using rpc::detail::growing_wait;

TEST_CASE("a wait lies anywhere below a limit that doubles up to the most", "[rpc][growing_wait]") {
    chance dice(7);
    growing_wait pause(50ms, 300ms);
    const auto first = pause.next(dice);
    REQUIRE(first <= 50ms);
    REQUIRE(pause.limit() == 100ms);
    pause.next(dice);
    REQUIRE(pause.limit() == 200ms);
    pause.next(dice);
    REQUIRE(pause.limit() == 300ms);
    clock::duration shortest = 1h;
    clock::duration longest = 0s;
    for (int i = 0; i < 1000; ++i) {
        const auto each = pause.next(dice);
        shortest = std::min(shortest, each);
        longest = std::max(longest, each);
    }
    REQUIRE(pause.limit() == 300ms);
    REQUIRE(shortest >= 0ms);
    REQUIRE(shortest < 10ms);
    REQUIRE(longest > 290ms);
    REQUIRE(longest <= 300ms);
    pause.reset();
    REQUIRE(pause.limit() == 50ms);
}

TEST_CASE("a wait whose most is its least does not grow", "[rpc][growing_wait]") {
    chance dice(7);
    growing_wait pause(50ms, 1ms);
    for (int i = 0; i < 10; ++i) REQUIRE(pause.next(dice) <= 50ms);
    REQUIRE(pause.limit() == 50ms);
}
