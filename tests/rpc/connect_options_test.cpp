// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connect_options.hpp>

#include "../support/tls_certificates.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace conduit;

TEST_CASE("connecting offers nothing, and trusts this user's servers, unless told",
          "[rpc][connect_options]") {
    const std::shared_ptr<const tls_context> context = test::tls_world().client();
    const rpc::connect_options usual;
    const auto told = rpc::connect_options()
                          .connection(rpc::connection_options().calls_max(200))
                          .servers(allowed_users().allow_uid(77))
                          .tls(context, "example.org");
    REQUIRE(usual.offers().interfaces().empty());
    REQUIRE_FALSE(usual.servers().includes(77, 1000));
    REQUIRE(usual.tls() == nullptr);
    REQUIRE(told.tls() == context);
    REQUIRE(told.tls_name() == "example.org");
    REQUIRE(told.connection().calls_max() == 200);
    REQUIRE(told.servers().includes(77, 1000));
}
