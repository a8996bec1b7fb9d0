// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/wait_table.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <memory>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

std::vector<waiter_id> served_ids(wait_table& waiters) {
    std::vector<waiter_id> ids;
    for (const served_waiter& one : waiters.take_served()) ids.push_back(one.id);
    return ids;
}

instance_ptr tagged(std::string name, std::vector<std::string> tags) {
    instance made = *instance_of(std::move(name), 1);
    made.offer.tags = std::move(tags);
    return std::make_shared<instance>(std::move(made));
}

}  // namespace

TEST_CASE("those who wait for a name are served once, in the order in which they came",
          "[matchmaker]") {
    user_shares shares((registry_limits()));
    wait_table waiters(shares);
    const waiter_id first = waiters.add(1, query_of("a")).value();
    const waiter_id other = waiters.add(1, query_of("b")).value();
    const waiter_id second = waiters.add(2, query_of("a")).value();
    REQUIRE(served_ids(waiters).empty());
    const instance_ptr found = instance_of("a", 1);
    waiters.serve(found, {3, 4});
    const auto all = waiters.take_served();
    REQUIRE(all.size() == 2);
    REQUIRE(all[0].id == first);
    REQUIRE(all[0].found == found);
    REQUIRE(all[0].at == table_position{3, 4});
    REQUIRE(all[1].id == second);
    waiters.serve(found, {3, 5});
    REQUIRE(served_ids(waiters).empty());
    REQUIRE(waiters.size() == 1);
    REQUIRE(waiters.remove(other));
    REQUIRE(shares.users() == 0);
}

TEST_CASE("who waits for a version or for tags waits on while others are served", "[matchmaker]") {
    user_shares shares((registry_limits()));
    wait_table waiters(shares);
    instance_query newer = query_of("a");
    newer.version = interface_version{1, 1};
    const waiter_id wants_newer = waiters.add(1, newer).value();
    const waiter_id wants_tag = waiters.add(1, query_of("a", {"eu"})).value();
    waiters.serve(tagged("a", {"us"}), {});
    REQUIRE(served_ids(waiters).empty());
    waiters.serve(tagged("a", {"eu", "us"}), {});
    REQUIRE(served_ids(waiters) == std::vector<waiter_id>{wants_tag});
    REQUIRE(waiters.remove(wants_newer));
}

TEST_CASE("who gives up is not served, before and after its turn", "[matchmaker]") {
    user_shares shares((registry_limits()));
    wait_table waiters(shares);
    const waiter_id early = waiters.add(1, query_of("a")).value();
    const waiter_id late = waiters.add(1, query_of("a")).value();
    REQUIRE(waiters.remove(early));
    REQUIRE_FALSE(waiters.remove(early));
    waiters.serve(instance_of("a", 1), {});
    REQUIRE(waiters.remove(late));
    REQUIRE_FALSE(waiters.remove(late));
    REQUIRE(served_ids(waiters).empty());
    REQUIRE(shares.users() == 0);
}

TEST_CASE("waiters are bounded for each user, and who is served at once counts for nothing",
          "[matchmaker]") {
    user_shares shares(registry_limits().most(registry_resource::waiters, {2, 100}));
    wait_table waiters(shares);
    REQUIRE(waiters.add(1, query_of("a")));
    REQUIRE(waiters.add(1, query_of("a")));
    const auto refused = waiters.add(1, query_of("a"));
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE(refused.error().text() ==
            "user 1 has 2 waiters and wants 1 more, of at most 2 (waiters_per_user_max)");
    REQUIRE(waiters.add(2, query_of("a")));
    const waiter_id at_once = waiters.add_served(instance_of("a", 1), {});
    REQUIRE(served_ids(waiters) == std::vector<waiter_id>{at_once});
    REQUIRE(shares.taken(1, registry_resource::waiters) == 2);
}

TEST_CASE("waiters count for their user's bytes", "[matchmaker]") {
    const std::size_t one = bytes_of(query_of("a"));
    user_shares shares(registry_limits().most(registry_resource::bytes, {2 * one, 100 * one}));
    wait_table waiters(shares);
    REQUIRE(waiters.add(1, query_of("a")));
    const waiter_id second = waiters.add(1, query_of("a")).value();
    REQUIRE_FALSE(waiters.add(1, query_of("a")));
    REQUIRE(shares.taken(1, registry_resource::waiters) == 2);
    REQUIRE(waiters.remove(second));
    REQUIRE(waiters.add(1, query_of("a")));
}
