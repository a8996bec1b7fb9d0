// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/user_shares.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>

using namespace conduit::rpc::detail;

namespace {

constexpr auto names = registry_resource::names;
constexpr auto bytes = registry_resource::bytes;

std::size_t takes_at_most(user_shares& shares, std::uint32_t uid) {
    std::size_t n = 0;
    while (shares.take(uid, names, 1).empty()) ++n;
    return n;
}

}  // namespace

TEST_CASE("a user takes up to its own limit, and what it gives back it may take again",
          "[matchmaker]") {
    user_shares shares(registry_limits().most(names, {3, 100}));
    REQUIRE(takes_at_most(shares, 7) == 3);
    REQUIRE(shares.take(7, names, 1) ==
            "user 7 has 3 names and wants 1 more, of at most 3 (names_per_user_max)");
    REQUIRE(shares.taken(7, names) == 3);
    shares.give_back(7, names, 2);
    REQUIRE(shares.take(7, names, 3) ==
            "user 7 has 1 names and wants 3 more, of at most 3 (names_per_user_max)");
    REQUIRE(shares.take(7, names, 2).empty());
    REQUIRE(shares.refused(names) == 3);
    REQUIRE(shares.refused(bytes) == 0);
}

TEST_CASE("no user can take all, and whoever comes later finds something", "[matchmaker]") {
    user_shares shares(registry_limits().most(names, {1000, 120}));
    REQUIRE(takes_at_most(shares, 1) == 60);
    REQUIRE(takes_at_most(shares, 2) == 20);
    REQUIRE(takes_at_most(shares, 3) == 10);
    REQUIRE(takes_at_most(shares, 4) == 6);
    REQUIRE(shares.take(1, names, 1) ==
            "user 1 has 60 names and wants 1 more, of at most 16 while 36 of 120 are others' "
            "(names_max)");
    REQUIRE(shares.take(1, names, 0).empty());
    REQUIRE(shares.taken_by_all(names) == 96);
    REQUIRE(shares.users() == 4);
}

TEST_CASE("who has nothing left is forgotten", "[matchmaker]") {
    user_shares shares((registry_limits()));
    REQUIRE(shares.take(1, names, 2).empty());
    REQUIRE(shares.take(1, bytes, 100).empty());
    REQUIRE(shares.users() == 1);
    shares.give_back(1, names, 2);
    REQUIRE(shares.users() == 1);
    shares.give_back(1, bytes, 100);
    REQUIRE(shares.users() == 0);
    REQUIRE(shares.taken_by_all(bytes) == 0);
}

TEST_CASE("amounts without measure are refused and not wrapped around", "[matchmaker]") {
    user_shares shares((registry_limits()));
    REQUIRE(shares.take(1, bytes, 1).empty());
    REQUIRE_FALSE(shares.take(1, bytes, SIZE_MAX).empty());
    REQUIRE(shares.taken(1, bytes) == 1);
    REQUIRE(shares.take(1, bytes, 0).empty());
}

TEST_CASE("what is restored is there even where a limit was reached meanwhile", "[matchmaker]") {
    user_shares shares(registry_limits().most(names, {2, 100}));
    REQUIRE(shares.take(1, names, 2).empty());
    shares.give_back(1, names, 1);
    REQUIRE(shares.take(1, names, 1).empty());
    shares.restore(1, names, 1);
    REQUIRE(shares.taken(1, names) == 3);
    REQUIRE_FALSE(shares.take(1, names, 1).empty());
}
