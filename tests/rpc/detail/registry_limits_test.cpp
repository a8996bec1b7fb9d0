// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_limits.hpp>

#include <catch2/catch.hpp>

using namespace conduit::rpc::detail;

TEST_CASE("the table's limits have defaults, of which others may be said", "[matchmaker]") {
    registry_limits limits;
    REQUIRE(limits.most(registry_resource::names).per_user == 256);
    REQUIRE(limits.most(registry_resource::watches).per_user == 256);
    REQUIRE(limits.most(registry_resource::bytes).all == 512 * 1024 * 1024);
    limits.most(registry_resource::names, {1, 2}).watch_bytes_max(3).history_changes_max(4);
    REQUIRE(limits.most(registry_resource::names).per_user == 1);
    REQUIRE(limits.most(registry_resource::names).all == 2);
    REQUIRE(limits.most(registry_resource::instances).per_user == 1024);
    REQUIRE(limits.watch_bytes_max() == 3);
    REQUIRE(limits.history_changes_max() == 4);
}

TEST_CASE("each resource has a name for texts", "[matchmaker]") {
    REQUIRE(to_string(registry_resource::names) == "names");
    REQUIRE(to_string(registry_resource::bytes) == "bytes");
    REQUIRE(to_string(registry_resource::handles) == "handles");
    REQUIRE(to_string(static_cast<registry_resource>(99)) == "unknown");
}
