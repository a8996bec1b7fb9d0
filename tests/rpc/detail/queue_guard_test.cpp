// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/queue_guard.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::queue_guard;

TEST_CASE("a burst is served, however long its last calls wait", "[rpc][queue_guard]") {
    queue_guard guard(10ms);
    clock::time_point now{};
    REQUIRE_FALSE(guard.refuses(0ms, now));
    for (int waited = 1; waited < 90; ++waited) {
        now += 1ms;
        REQUIRE_FALSE(guard.refuses(std::chrono::milliseconds(waited), now));
    }
}

TEST_CASE("a queue that stands for an interval is cut, and comes to its end",
          "[rpc][queue_guard]") {
    queue_guard guard(10ms);
    clock::time_point now{};
    REQUIRE_FALSE(guard.refuses(50ms, now += 200ms));  // an interval begins
    for (int i = 0; i < 9; ++i) REQUIRE_FALSE(guard.refuses(50ms, now += 10ms));
    REQUIRE(guard.refuses(50ms, now += 10ms));
    REQUIRE_FALSE(guard.refuses(20ms, now));  // what waited not too long is served
    REQUIRE(guard.refuses(21ms, now));
    REQUIRE_FALSE(guard.refuses(5ms, now));  // the queue was short once: it does not stand
    REQUIRE_FALSE(guard.refuses(50ms, now += 100ms));
}

TEST_CASE("without a target nothing is refused", "[rpc][queue_guard]") {
    queue_guard guard(0ms);
    clock::time_point now{};
    for (int i = 0; i < 100; ++i) REQUIRE_FALSE(guard.refuses(10s, now += 1s));
}
