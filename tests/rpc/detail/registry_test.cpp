// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/registry.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

constexpr std::uint32_t own_uid = 999;

instance_id announce(registry& table, const std::string& name,
                     const std::string& address = "unix:/x", std::uint32_t uid = 1) {
    return table.announce(process_of(uid), offer_of(name, address)).value().id;
}

std::vector<instance_id> lookup(const registry& table, const instance_query& query) {
    std::vector<instance_id> ids;
    const auto found = table.lookup(query).value();
    for (const instance_ptr& one : found.instances) ids.push_back(one->id);
    return ids;
}

using ids = std::vector<instance_id>;

}  // namespace

TEST_CASE("what is announced is found until it is removed", "[matchmaker]") {
    registry table(7, own_uid);
    REQUIRE(table.lookup(query_of("echo")).value().instances.empty());
    const auto announced = table.announce(process_of(1), offer_of("echo")).value();
    REQUIRE(announced.at == table_position{7, 1});
    REQUIRE(announced.id == instance_id{7, 1});
    const auto found = table.lookup(query_of("echo")).value();
    REQUIRE(found.at == table_position{7, 1});
    REQUIRE_FALSE(found.is_warming);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0]->offer.address == "unix:/x");
    REQUIRE(found.instances[0]->owner == process_of(1));
    REQUIRE(found.instances[0]->revision == 1);
    REQUIRE(table.remove(announced.id, gone_reason::process_ended));
    REQUIRE_FALSE(table.remove(announced.id, gone_reason::process_ended));
    REQUIRE(lookup(table, query_of("echo")).empty());
    REQUIRE(table.at() == table_position{7, 2});
    REQUIRE(table.counters().users == 0);
}

TEST_CASE("an id is never used again, not even after a refusal", "[matchmaker]") {
    registry table(7, own_uid, registry_limits().instances_per_name_max(1));
    const instance_id first = announce(table, "echo");
    REQUIRE_FALSE(table.announce(process_of(1), offer_of("echo", "unix:/y")));
    REQUIRE(table.remove(first, gone_reason::withdrawn));
    REQUIRE(announce(table, "echo") == instance_id{7, 2});
    REQUIRE(announce(table, "echo") == instance_id{7, 3});
}

TEST_CASE("answers are filtered by version and tags, and the best come first", "[matchmaker]") {
    registry table(7, own_uid);
    const auto add = [&](std::uint32_t minor, std::uint32_t weight, std::string tag) {
        instance_offer offer = offer_of("echo", "unix:/" + std::to_string(table.at().revision),
                                        weight, {std::move(tag)});
        offer.version.minor = minor;
        return table.announce(process_of(1), std::move(offer)).value().id;
    };
    const instance_id a = add(1, 10, "eu");
    const instance_id b = add(0, 20, "us");
    const instance_id c = add(2, 20, "eu");
    const instance_id d = add(2, 20, "us");
    REQUIRE(lookup(table, query_of("echo")) == ids{c, d, b, a});
    REQUIRE(lookup(table, query_of("echo", {"eu"})) == ids{c, a});
    instance_query newer = query_of("echo");
    newer.version = interface_version{1, 1};
    REQUIRE(lookup(table, newer) == ids{c, d, a});
    REQUIRE(table.suspect(c));
    REQUIRE(lookup(table, newer) == ids{d, a, c});
    REQUIRE(lookup(table, query_of("ech")).empty());
}

TEST_CASE("a suspect comes last until it answers again", "[matchmaker]") {
    registry table(7, own_uid);
    const instance_id a = announce(table, "echo", "unix:/a");
    const instance_id b = announce(table, "echo", "unix:/b");
    REQUIRE_FALSE(table.recover(a));
    REQUIRE(table.suspect(a));
    REQUIRE_FALSE(table.suspect(a));
    REQUIRE(lookup(table, query_of("echo")) == ids{b, a});
    REQUIRE(table.recover(a));
    REQUIRE(lookup(table, query_of("echo")) == ids{a, b});
    REQUIRE_FALSE(table.suspect({7, 9}));
    REQUIRE_FALSE(table.recover({7, 9}));
    REQUIRE(table.at().revision == 4);
}

TEST_CASE("what is withdrawn is not found, and there until it is removed", "[matchmaker]") {
    registry table(7, own_uid);
    const instance_id id = announce(table, "echo");
    REQUIRE(table.withdraw(process_of(1), id).value().revision == 2);
    REQUIRE(lookup(table, query_of("echo")).empty());
    REQUIRE(table.list({"", true}, std::nullopt, 9).value().instances.size() == 1);
    REQUIRE(table.withdraw(process_of(1), id).value().revision == 2);
    REQUIRE_FALSE(table.suspect(id));
    REQUIRE_FALSE(table.announce(process_of(2), offer_of("echo", "unix:/y")));
    REQUIRE(table.remove(id, gone_reason::withdrawn));
    REQUIRE(announce(table, "echo", "unix:/y", 2) == instance_id{7, 2});
}

TEST_CASE("weight and tags may be changed, by the process that announced", "[matchmaker]") {
    registry table(7, own_uid);
    const instance_id id = announce(table, "echo");
    const std::size_t bytes = table.counters().bytes;
    REQUIRE(table.update(process_of(1), id, {5, {"b", "a"}}).value().revision == 2);
    const auto found = table.lookup(query_of("echo", {"a"})).value();
    REQUIRE(found.instances.at(0)->offer.weight == 5);
    REQUIRE(found.instances.at(0)->revision == 2);
    REQUIRE(table.counters().bytes > bytes);
    REQUIRE(table.update(process_of(1), id, {5, {"a", "b", "a"}}).value().revision == 2);
    REQUIRE(table.update(process_of(1), id, {5, {}}).value().revision == 3);
    REQUIRE(table.counters().bytes == bytes);

    REQUIRE(table.update(process_of(1), id, {10'001, {}}).error().code() ==
            status::invalid_argument);
    REQUIRE(table.update(process_of(1, 2), id, {}).error().code() == status::permission_denied);
    REQUIRE(table.withdraw(process_of(0), id).error().text() ==
            "instance 7-1 is another process's");
    REQUIRE(table.withdraw(process_of(1), {7, 2}).error().code() == status::not_found);
    REQUIRE(table.withdraw(process_of(1), {7, 2}).error().text() == "there is no instance 7-2");
}

TEST_CASE("M7: a name is its first user's for as long as an instance is there", "[matchmaker]") {
    registry table(7, own_uid);
    const instance_id first = announce(table, "echo", "unix:/a");
    const instance_id second = announce(table, "echo", "unix:/b");
    for (const std::uint32_t uid : {2U, 0U, own_uid}) {
        const auto refused = table.announce(process_of(uid), offer_of("echo", "unix:/c"));
        REQUIRE(refused.error().code() == status::permission_denied);
        REQUIRE(refused.error().text() == "'echo' is user 1's");
    }
    REQUIRE(table.remove(first, gone_reason::process_ended));
    REQUIRE_FALSE(table.announce(process_of(2), offer_of("echo", "unix:/c")));
    REQUIRE(table.remove(second, gone_reason::process_ended));
    REQUIRE(table.announce(process_of(2), offer_of("echo", "unix:/c")));
}

TEST_CASE("who announces at an address again takes the place of who was there", "[matchmaker]") {
    registry table(7, own_uid);
    const watch_id seen = table.watch(2, {"echo", false}, std::nullopt).value().id;
    REQUIRE(table.take(seen, 9).size() == 2);
    const instance_id old = announce(table, "echo");
    const auto again = table.announce(process_of(1, 2), offer_of("echo")).value();
    REQUIRE(again.replaced == old);
    REQUIRE(again.id == instance_id{7, 2});
    REQUIRE(again.at.revision == 3);
    REQUIRE(lookup(table, query_of("echo")) == ids{again.id});
    REQUIRE_FALSE(table.remove(old, gone_reason::connection_lost));
    const auto items = table.take(seen, 9);
    REQUIRE(items.size() == 3);
    REQUIRE(items[1].change.kind == change_kind::gone);
    REQUIRE(items[1].change.reason == gone_reason::replaced);
    REQUIRE(items[1].change.what->id == old);
    REQUIRE(items[2].change.what->id == again.id);
    REQUIRE(table.counters().instances == 1);
    REQUIRE(table.counters().names == 1);
}

TEST_CASE("offers and queries that cannot be right are refused and change nothing",
          "[matchmaker]") {
    registry table(7, own_uid);
    REQUIRE(table.announce(process_of(1), offer_of("Echo")).error().code() ==
            status::invalid_argument);
    REQUIRE(table.announce(process_of(1), offer_of("echo", "exec:/bin/sh")).error().code() ==
            status::invalid_argument);
    REQUIRE(table.lookup(query_of("")).error().code() == status::invalid_argument);
    REQUIRE(table.wait(1, query_of("echo", {""})).error().code() == status::invalid_argument);
    REQUIRE(table.list({"A", true}, std::nullopt, 9).error().code() == status::invalid_argument);
    REQUIRE(table.at().revision == 0);
    REQUIRE(table.counters().users == 0);
}

TEST_CASE("who waits is served by the first that is alive", "[matchmaker]") {
    registry table(7, own_uid);
    const waiter_id early = table.wait(2, query_of("echo")).value();
    const waiter_id tagged = table.wait(2, query_of("echo", {"eu"})).value();
    const waiter_id gave_up = table.wait(2, query_of("echo")).value();
    REQUIRE(table.stop_waiting(gave_up));
    REQUIRE(table.take_served().empty());
    REQUIRE(table.counters().waiters == 2);
    const instance_id id = announce(table, "echo");
    auto served = table.take_served();
    REQUIRE(served.size() == 1);
    REQUIRE(served[0].id == early);
    REQUIRE(served[0].found->id == id);
    REQUIRE(served[0].at == table_position{7, 1});
    REQUIRE(table.update(process_of(1), id, {100, {"eu"}}));
    served = table.take_served();
    REQUIRE(served.size() == 1);
    REQUIRE(served[0].id == tagged);
    const waiter_id at_once = table.wait(2, query_of("echo")).value();
    served = table.take_served();
    REQUIRE(served.size() == 1);
    REQUIRE(served[0].id == at_once);
}

TEST_CASE("who waits is not served by what does not answer, and is once it does", "[matchmaker]") {
    registry table(7, own_uid);
    const instance_id id = announce(table, "echo");
    REQUIRE(table.suspect(id));
    const waiter_id waiting = table.wait(2, query_of("echo")).value();
    REQUIRE(table.take_served().empty());
    REQUIRE(table.recover(id));
    const auto served = table.take_served();
    REQUIRE(served.size() == 1);
    REQUIRE(served[0].id == waiting);
    REQUIRE(table.withdraw(process_of(1), id));
    REQUIRE(table.wait(2, query_of("echo")));
    REQUIRE(table.take_served().empty());
}

TEST_CASE("M1: watchers are told of a death with its reason, and in order", "[matchmaker]") {
    registry table(7, own_uid);
    const watch_id seen = table.watch(2, {"", true}, std::nullopt).value().id;
    REQUIRE(table.take(seen, 9).size() == 2);
    const instance_id a = announce(table, "a");
    announce(table, "b");
    REQUIRE(table.suspect(a));
    REQUIRE(table.remove(a, gone_reason::hung));
    REQUIRE(table.take_readable() == std::vector<watch_id>{seen});
    const auto items = table.take(seen, 9);
    REQUIRE(items.size() == 4);
    for (std::size_t i = 0; i < items.size(); ++i) {
        REQUIRE(items[i].at == table_position{7, i + 1});
        REQUIRE(items[i].change.revision == i + 1);
    }
    REQUIRE(items[2].change.kind == change_kind::changed);
    REQUIRE(items[2].change.what->state == instance_state::suspect);
    REQUIRE(items[3].change.kind == change_kind::gone);
    REQUIRE(items[3].change.reason == gone_reason::hung);
    REQUIRE(table.unwatch(seen));
}

TEST_CASE("M8: names and instances are bounded for each user, and none keeps others out",
          "[matchmaker]") {
    registry table(7, own_uid,
                   registry_limits()
                       .most(registry_resource::names, {3, 100})
                       .most(registry_resource::instances, {4, 100}));
    for (const char* name : {"a", "b", "c"}) announce(table, name);
    const auto refused = table.announce(process_of(1), offer_of("d"));
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE(refused.error().text() ==
            "user 1 has 3 names and wants 1 more, of at most 3 (names_per_user_max)");
    announce(table, "c", "unix:/y");
    REQUIRE(table.announce(process_of(1), offer_of("c", "unix:/z")).error().text() ==
            "user 1 has 4 instances and wants 1 more, of at most 4 (instances_per_user_max)");
    announce(table, "c", "unix:/y");  // takes its own place
    announce(table, "d", "unix:/x", 2);
    REQUIRE(table.counters().refused == 2);
    REQUIRE(table.counters().names == 4);
    REQUIRE(table.counters().users == 2);
}

TEST_CASE("a name has so many instances", "[matchmaker]") {
    registry table(7, own_uid, registry_limits().instances_per_name_max(2));
    announce(table, "a", "unix:/1");
    announce(table, "a", "unix:/2");
    REQUIRE(table.announce(process_of(1), offer_of("a", "unix:/3")).error().text() ==
            "'a' has 2 instances, of at most 2 (instances_per_name_max)");
    announce(table, "a", "unix:/2");
    REQUIRE(table.counters().refused == 1);
}

TEST_CASE("offers count for their user's bytes, and a refusal takes none", "[matchmaker]") {
    const std::size_t one = bytes_of(offer_of("a"));
    registry table(7, own_uid,
                   registry_limits().most(registry_resource::bytes, {one + 20, 100 * one}));
    const instance_id id = announce(table, "a");
    REQUIRE(table.counters().bytes == one);
    REQUIRE(table.update(process_of(1), id, {100, {"tag"}}).error().code() ==
            status::resource_exhausted);
    REQUIRE(table.announce(process_of(1, 2), offer_of("a", "unix:/x", 1, {"tag"})).error().code() ==
            status::resource_exhausted);
    REQUIRE(table.announce(process_of(1), offer_of("b")).error().code() ==
            status::resource_exhausted);
    REQUIRE(table.at().revision == 1);
    REQUIRE(table.counters().bytes == one);
    REQUIRE(table.remove(id, gone_reason::withdrawn));
    REQUIRE(table.counters().bytes == 0);
    REQUIRE(table.counters().users == 0);
}

TEST_CASE("a list comes in pages, by name and then by age", "[matchmaker]") {
    registry table(7, own_uid);
    announce(table, "b", "unix:/1");
    announce(table, "a");
    announce(table, "b", "unix:/2");
    announce(table, "c");
    const auto first = table.list({"", true}, std::nullopt, 2).value();
    REQUIRE(first.at.revision == 4);
    REQUIRE(first.instances.size() == 2);
    REQUIRE(first.instances[0]->offer.name == "a");
    REQUIRE(first.instances[1]->id == instance_id{7, 1});
    const auto second = table.list({"", true}, index_key{"b", {7, 1}}, 9).value();
    REQUIRE(second.instances.size() == 2);
    REQUIRE(second.instances[0]->id == instance_id{7, 3});
    REQUIRE(second.instances[1]->offer.name == "c");
    REQUIRE(table.list({"b", true}, index_key{"b", {7, 3}}, 9).value().instances.empty());
}
