// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/queue_guard.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::queue_guard;

namespace {

/// Whether a call is refused that has waited longest.
bool refuses(queue_guard& guard, clock::duration waited, clock::time_point now) {
    guard.note(waited, now);
    return guard.refuses(waited, now);
}

}  // namespace

TEST_CASE("a burst is served, however long its last calls wait", "[rpc][queue_guard]") {
    queue_guard guard(10ms);
    clock::time_point now{};
    REQUIRE_FALSE(refuses(guard, 0ms, now));
    for (int waited = 1; waited < 90; ++waited) {
        now += 1ms;
        REQUIRE_FALSE(refuses(guard, std::chrono::milliseconds(waited), now));
    }
}

TEST_CASE("a queue that stands for an interval is cut, and comes to its end",
          "[rpc][queue_guard]") {
    queue_guard guard(10ms);
    clock::time_point now{};
    REQUIRE_FALSE(refuses(guard, 50ms, now += 200ms));  // an interval begins
    for (int i = 0; i < 9; ++i) REQUIRE_FALSE(refuses(guard, 50ms, now += 10ms));
    REQUIRE(refuses(guard, 50ms, now += 10ms));
    REQUIRE(guard.stands(now));
    REQUIRE_FALSE(guard.refuses(10ms, now));  // what waited not too long is served
    REQUIRE(guard.refuses(11ms, now));
    for (int i = 0; i < 10; ++i) guard.note(6ms, now += 10ms);  // as it is kept short
    REQUIRE(guard.stands(now));
    guard.note(0ms, now += 10ms);  // for a moment, when the old ones have gone
    guard.note(6ms, now += 10ms);
    guard.note(0ms, now += 10ms);
    guard.note(5ms, now += 10ms);
    REQUIRE(guard.stands(now));
    guard.note(5ms, now += 10ms);
    REQUIRE_FALSE(guard.stands(now));
    REQUIRE_FALSE(refuses(guard, 50ms, now += 10ms));
}

TEST_CASE("a queue of which nothing was heard does not stand any more", "[rpc][queue_guard]") {
    queue_guard guard(10ms);
    clock::time_point now{};
    guard.note(50ms, now += 200ms);
    guard.note(50ms, now += 100ms);
    REQUIRE(guard.refuses(50ms, now + 100ms));
    REQUIRE_FALSE(guard.refuses(50ms, now + 101ms));
    guard.note(50ms, now += 101ms);
    REQUIRE_FALSE(guard.stands(now));
}

TEST_CASE("without a target nothing is refused", "[rpc][queue_guard]") {
    queue_guard guard(0ms);
    clock::time_point now{};
    for (int i = 0; i < 100; ++i) REQUIRE_FALSE(refuses(guard, 10s, now += 1s));
}
