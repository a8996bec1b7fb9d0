// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connection_options.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit::rpc;
using namespace std::chrono_literals;

TEST_CASE("a connection's limits are those of the guide unless set", "[rpc][connection_options]") {
    const connection_options usual;
    REQUIRE(usual.calls_max() == 128);
    REQUIRE(usual.message_max() == 4 * 1024 * 1024);
    REQUIRE(usual.window() == 64 * 1024);
    REQUIRE(usual.memory_max() == 8 * 1024 * 1024);
    REQUIRE(usual.output_max() == 1024 * 1024);
    REQUIRE(usual.handles_max() == 16);
    REQUIRE(usual.keep_alive() == 0ms);
    REQUIRE(usual.greeting_within() == 5s);
}

TEST_CASE("a connection's limits are set in a chain", "[rpc][connection_options]") {
    const auto set = connection_options().calls_max(512).message_max(65'536).keep_alive(250ms);
    REQUIRE(set.calls_max() == 512);
    REQUIRE(set.message_max() == 65'536);
    REQUIRE(set.keep_alive() == 250ms);
    REQUIRE(set.window() == 64 * 1024);
}
