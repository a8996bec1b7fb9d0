// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connect_options.hpp>

#include <catch2/catch.hpp>

using namespace conduit;

TEST_CASE("connecting offers nothing, and trusts this user's servers, unless told",
          "[rpc][connect_options]") {
    const rpc::connect_options usual;
    const auto told = rpc::connect_options()
                          .connection(rpc::connection_options().calls_max(200))
                          .servers(allowed_users().allow(77));
    REQUIRE(usual.offers().interfaces().empty());
    REQUIRE_FALSE(usual.servers().includes(77, 1000));
    REQUIRE(told.connection().calls_max() == 200);
    REQUIRE(told.servers().includes(77, 1000));
}
