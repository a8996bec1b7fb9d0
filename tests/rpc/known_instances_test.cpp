// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/known_instances.hpp>

#include <catch2/catch.hpp>

TEST_CASE("what is known of instances is nothing at first", "[rpc][matchmaker]") {
    const conduit::rpc::known_instances nothing;
    REQUIRE_FALSE(nothing.is_complete);
    REQUIRE(nothing.instances.empty());
    REQUIRE(nothing.kept == 0);
}
