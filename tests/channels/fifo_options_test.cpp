// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo_options.hpp>

#include <catch2/catch.hpp>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("options of a FIFO are safe and frugal unless told", "[channels][fifo]") {
    const fifo_options options;
    REQUIRE_FALSE(options.stays_open());
    REQUIRE_FALSE(options.puts_records_together());
    REQUIRE_FALSE(options.owner());
    REQUIRE(options.when_missing() == fifo_missing::fails);
    REQUIRE(options.look_again_max() == 50ms);
    REQUIRE(options.check_path_every() == 1s);
}

TEST_CASE("options of a FIFO are set in one expression", "[channels][fifo]") {
    const auto options = fifo_options()
                             .stay_open()
                             .put_records_together()
                             .when_missing(fifo_missing::is_awaited)
                             .owner(17)
                             .look_again_max(5ms)
                             .check_path_every(0s);
    REQUIRE(options.stays_open());
    REQUIRE(options.puts_records_together());
    REQUIRE(options.owner() == 17U);
    REQUIRE(options.when_missing() == fifo_missing::is_awaited);
    REQUIRE(options.look_again_max() == 5ms);
    REQUIRE(options.check_path_every() == 0s);
}
