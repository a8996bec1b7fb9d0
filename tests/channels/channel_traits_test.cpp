// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/channel_traits.hpp>

#include <conduit/channels/pipe.hpp>

#include <catch2/catch.hpp>

using namespace conduit;

TEST_CASE("a channel answers three questions at compile time", "[channels][traits]") {
    STATIC_REQUIRE(channel<pipe_reader>);
    STATIC_REQUIRE_FALSE(channel<int>);
    STATIC_REQUIRE(pipe_writer::traits.ways == channel_ways::one_way);
    STATIC_REQUIRE(pipe_writer::traits.duplex == channel_duplex::half);
    STATIC_REQUIRE(pipe_writer::traits.relation == channel_relation::related);
}
