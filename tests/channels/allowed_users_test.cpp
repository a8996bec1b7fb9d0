// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/allowed_users.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <stdexcept>
#include <vector>

using namespace conduit;

namespace {

credentials user_of(std::uint32_t user, std::uint32_t group) {
    credentials who;
    who.pid = 1;
    who.uid = user;
    who.gid = group;
    return who;
}

}  // namespace

TEST_CASE("the own user and root are allowed, others when they are named",
          "[channels][allowed_users]") {
    constexpr std::uint32_t own = 1000;
    const allowed_users nobody_else;
    REQUIRE(nobody_else.includes(own, own));
    REQUIRE(nobody_else.includes(0, own));
    REQUIRE_FALSE(nobody_else.includes(33, own));
    const allowed_users one_more = allowed_users().allow_uid(33);
    REQUIRE(one_more.includes(33, own));
    REQUIRE_FALSE(one_more.includes(34, own));
    REQUIRE(allowed_users().allow_any().includes(34, own));
}

TEST_CASE("a group is allowed as the process's own and as another of its groups",
          "[channels][allowed_users]") {
    constexpr std::uint32_t own = 1000;
    const allowed_users users = allowed_users().allow_gid(4242).allow_gid(4243);
    const std::vector<std::uint32_t> none;
    const std::vector<std::uint32_t> some{7, 4243};
    const std::vector<std::uint32_t> others{7, 8};
    REQUIRE(users.has_groups());
    REQUIRE_FALSE(allowed_users().allow_uid(4242).has_groups());
    REQUIRE(users.includes(user_of(33, 4242), none, own));
    REQUIRE(users.includes(user_of(33, 33), some, own));
    REQUIRE_FALSE(users.includes(user_of(33, 33), others, own));
    REQUIRE_FALSE(users.includes(user_of(4242, 33), none, own));  // a user's number is no group's
    REQUIRE(users.includes(user_of(own, 33), none, own));
    REQUIRE(users.includes(user_of(0, 33), none, own));
}

TEST_CASE("a predicate is asked about those whom nothing else allows, and no answer is no",
          "[channels][allowed_users]") {
    constexpr std::uint32_t own = 1000;
    int asked = 0;
    const auto even = [&asked](const credentials& who) {
        ++asked;
        if (who.uid == 13) throw std::runtime_error("cannot say");
        return who.uid % 2 == 0;
    };
    const allowed_users users = allowed_users().allow_uid(33).allow_if(even);
    const std::vector<std::uint32_t> none;
    const bool named = users.includes(user_of(33, 33), none, own);
    const int before = asked;
    REQUIRE(named);
    REQUIRE(before == 0);
    REQUIRE(users.includes(user_of(34, 33), none, own));
    REQUIRE_FALSE(users.includes(user_of(35, 33), none, own));
    REQUIRE_FALSE(users.includes(user_of(13, 33), none, own));
    REQUIRE(asked == 3);
}
