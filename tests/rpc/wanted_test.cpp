// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/wanted.hpp>

#include <catch2/catch.hpp>

using namespace conduit::rpc;

TEST_CASE("what is wanted becomes a query of a name", "[rpc][matchmaker]") {
    const instance_query any = wanted().of("demo.x");
    REQUIRE(any.name == "demo.x");
    REQUIRE_FALSE(any.version.has_value());
    REQUIRE(any.tags.empty());
    const instance_query some = wanted().version(2, 1).tag("a").tag("zone=eu").of("demo.y");
    REQUIRE(some.version == interface_version{2, 1});
    REQUIRE(some.tags == std::vector<std::string>{"a", "zone=eu"});
}
