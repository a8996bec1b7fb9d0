// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/latency_meter.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::latency_meter;

namespace {

constexpr clock::time_point start{1'000s};

}  // namespace

TEST_CASE("what never answered is tried by one call, and then waited for", "[rpc][latency_meter]") {
    latency_meter fresh;
    latency_meter known;
    known.note(1ms, start);
    REQUIRE(fresh.cost(0, start) < known.cost(0, start));
    REQUIRE(fresh.cost(1, start) > known.cost(50, start));
}

TEST_CASE("cost is recent latency times the calls that would share it", "[rpc][latency_meter]") {
    latency_meter quick;
    latency_meter slow;
    quick.note(1ms, start);
    slow.note(5ms, start);
    REQUIRE(quick.cost(3, start) < slow.cost(0, start));
    REQUIRE(quick.cost(5, start) > slow.cost(0, start));
}

TEST_CASE("a new latency counts for an eighth", "[rpc][latency_meter]") {
    latency_meter meter;
    meter.note(8ms, start);
    meter.note(16ms, start);
    REQUIRE(meter.smoothed() == 9ms);
    for (int i = 0; i < 100; ++i) meter.note(1ms, start);
    REQUIRE(meter.smoothed() < 1100us);
    meter.note(-5ms, start);  // no clock does that, but nothing breaks
    REQUIRE(meter.smoothed() > 0ns);
}

TEST_CASE("what was slow once is tried again after some seconds", "[rpc][latency_meter]") {
    latency_meter once_slow;
    latency_meter other;
    once_slow.note(100ms, start);
    for (int second = 0; second <= 10; ++second) other.note(1ms, start + 1s * second);
    REQUIRE(once_slow.cost(0, start + 900ms) > other.cost(0, start));
    REQUIRE(once_slow.cost(0, start + 10s) < other.cost(0, start + 10s));
    REQUIRE(once_slow.cost(0, start + 1'000'000s) > 0);
}
