// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connection_options.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("a connection is bounded unless told otherwise", "[rpc][connection_options]") {
    const rpc::connection_options usual;
    const auto told = rpc::connection_options()
                          .calls_max(200)
                          .message_max(70'000)
                          .window(80'000)
                          .memory_max(90'000)
                          .output_max(60'000)
                          .handles_max(1)
                          .handles_held_max(2)
                          .handles_given_max(9)
                          .handles(handle_policy().only(handle_type::pipe))
                          .keep_alive(10ms)
                          .greeting_within(20ms)
                          .progress_within(30ms)
                          .name("here");
    REQUIRE(usual.calls_max() == 128);
    REQUIRE(usual.message_max() == 4 * 1024 * 1024);
    REQUIRE(usual.handles_max() == 16);
    REQUIRE(usual.handles_held_max() == 64);
    REQUIRE(usual.handles_given_max() == 64);
    REQUIRE(usual.progress_within() == 30s);
    REQUIRE(usual.serving().empty());
    REQUIRE(usual.calling().empty());
    REQUIRE_FALSE(usual.handles().allows(handle_type::unix_socket));
    REQUIRE(usual.keep_alive() == 0ms);
    REQUIRE(usual.greeting_within() == 5s);
    REQUIRE(told.calls_max() == 200);
    REQUIRE(told.message_max() == 70'000);
    REQUIRE(told.window() == 80'000);
    REQUIRE(told.memory_max() == 90'000);
    REQUIRE(told.output_max() == 60'000);
    REQUIRE(told.handles_max() == 1);
    REQUIRE(told.handles_held_max() == 2);
    REQUIRE(told.handles_given_max() == 9);
    REQUIRE(told.progress_within() == 30ms);
    REQUIRE_FALSE(told.handles().allows(handle_type::file));
    REQUIRE(told.keep_alive() == 10ms);
    REQUIRE(told.greeting_within() == 20ms);
    REQUIRE(told.name() == "here");
}
