// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/announce_policy.hpp>
#include <conduit/rpc/detail/registry.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

// Everybody may share "shared", and nobody but user 1 may announce anything else.
class test_policy final : public announce_policy {
public:
    announce_right may_announce(std::uint32_t uid, std::string_view name) const override {
        if (name == "shared") return announce_right::shared;
        return uid == 1 ? announce_right::while_free : announce_right::refused;
    }
};

}  // namespace

TEST_CASE("reserved names are for root and the matchmaker's own user", "[matchmaker]") {
    registry table(7, 999);
    const auto by_other = table.announce(process_of(1), offer_of("conduit.x"));
    REQUIRE(by_other.error().code() == status::permission_denied);
    REQUIRE(by_other.error().text() == "names that begin with 'conduit.' are the matchmaker's own");
    REQUIRE(table.announce(process_of(0), offer_of("conduit.x")));
    REQUIRE(table.announce(process_of(999), offer_of("conduit.y")));
    const test_policy policy;
    registry with_policy(7, 999, {}, policy);
    REQUIRE_FALSE(with_policy.announce(process_of(1), offer_of("conduit.x")));
    REQUIRE_FALSE(with_policy.announce(process_of(0), offer_of("conduit.x")));
}

TEST_CASE("the policy says who may announce a name, and who shares it", "[matchmaker]") {
    const test_policy policy;
    registry table(7, 999, {}, policy);
    REQUIRE(table.announce(process_of(1), offer_of("a")));
    const auto refused = table.announce(process_of(2), offer_of("b"));
    REQUIRE(refused.error().code() == status::permission_denied);
    REQUIRE(refused.error().text() == "the policy does not let user 2 announce 'b'");
    REQUIRE(table.announce(process_of(1), offer_of("shared", "unix:/1")));
    REQUIRE(table.announce(process_of(2), offer_of("shared", "unix:/2")));
    const auto taken = table.announce(process_of(2), offer_of("shared", "unix:/1"));
    REQUIRE(taken.error().code() == status::already_exists);
    REQUIRE(taken.error().text() == "'shared' is offered at this address by user 1");
    REQUIRE(table.lookup(query_of("shared")).value().instances.size() == 2);
}

TEST_CASE("a new policy removes what it does not allow any more", "[matchmaker]") {
    registry table(7, 999);
    const test_policy policy;
    REQUIRE(table.announce(process_of(1), offer_of("a")));
    REQUIRE(table.announce(process_of(2), offer_of("b")));
    REQUIRE(table.announce(process_of(2), offer_of("shared")));
    const watch_id seen = table.watch(1, {"", true}, table_position{7, 3}).value().id;
    REQUIRE(table.use_policy(policy) == 1);
    const auto items = table.take(seen, 9);
    REQUIRE(items.size() == 1);
    REQUIRE(items[0].change.reason == gone_reason::policy);
    REQUIRE(items[0].change.what->offer.name == "b");
    REQUIRE(table.use_policy(policy) == 0);
    REQUIRE_FALSE(table.announce(process_of(2), offer_of("b")));
}
