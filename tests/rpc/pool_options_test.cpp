// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/pool_options.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("a pool waits for its servers and retries within a budget, unless told",
          "[rpc][pool_options]") {
    const rpc::pool_options usual;
    const auto told = rpc::pool_options()
                          .connections_per_address(3)
                          .connect_within(1s)
                          .back_off(2ms, 3ms)
                          .fail_fast()
                          .tries_max(1)
                          .retry_wait(4ms, 5ms)
                          .retry_budget(6, 7)
                          .patience(8ms);
    REQUIRE(usual.connections_per_address() == 1);
    REQUIRE(usual.connect_within() == 5s);
    REQUIRE(usual.back_off_least() == 50ms);
    REQUIRE(usual.back_off_most() == 10s);
    REQUIRE_FALSE(usual.fails_fast());
    REQUIRE(usual.tries_max() == 3);
    REQUIRE(usual.retry_percent() == 20);
    REQUIRE(usual.retries_per_second() == 10);
    REQUIRE(usual.patience() == 60s);
    REQUIRE_FALSE(usual.opens_by());
    REQUIRE(told.connections_per_address() == 3);
    REQUIRE(told.connect_within() == 1s);
    REQUIRE(told.back_off_least() == 2ms);
    REQUIRE(told.back_off_most() == 3ms);
    REQUIRE(told.fails_fast());
    REQUIRE(told.tries_max() == 1);
    REQUIRE(told.retry_least() == 4ms);
    REQUIRE(told.retry_most() == 5ms);
    REQUIRE(told.retry_percent() == 6);
    REQUIRE(told.retries_per_second() == 7);
    REQUIRE(told.patience() == 8ms);
    REQUIRE(rpc::pool_options().connections_per_address(0).connections_per_address() == 1);
}
