// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_client_options.hpp>

#include <catch2/catch.hpp>

using namespace std::chrono_literals;

TEST_CASE("the options of a matchmaker's client are chained, and have the defaults that are said",
          "[rpc][matchmaker]") {
    conduit::rpc::matchmaker_client_options options;
    REQUIRE(options.at().empty());
    REQUIRE_FALSE(options.opens_by());
    REQUIRE(options.connect_within() == 5s);
    REQUIRE(options.back_off_least() == 50ms);
    REQUIRE(options.back_off_most() == 1s);
    REQUIRE(options.check_every() == 30s);
    REQUIRE(options.keep_missing() == 10s);
    options.at("user").connect_within(1ms).back_off(2ms, 3ms).check_every(4ms).keep_missing(5ms);
    REQUIRE(options.at() == "user");
    REQUIRE(options.connect_within() == 1ms);
    REQUIRE(options.back_off_least() == 2ms);
    REQUIRE(options.back_off_most() == 3ms);
    REQUIRE(options.check_every() == 4ms);
    REQUIRE(options.keep_missing() == 5ms);
}
