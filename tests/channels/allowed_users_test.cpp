// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/allowed_users.hpp>

#include <catch2/catch.hpp>

using namespace conduit;

TEST_CASE("the own user and root are allowed, others when they are named",
          "[channels][allowed_users]") {
    constexpr std::uint32_t own = 1000;
    const allowed_users nobody_else;
    REQUIRE(nobody_else.includes(own, own));
    REQUIRE(nobody_else.includes(0, own));
    REQUIRE_FALSE(nobody_else.includes(33, own));
    const allowed_users one_more = allowed_users().allow(33);
    REQUIRE(one_more.includes(33, own));
    REQUIRE_FALSE(one_more.includes(34, own));
    REQUIRE(allowed_users().allow_any().includes(34, own));
}
