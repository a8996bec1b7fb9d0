// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/registry.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

constexpr clock::time_point start{1h};
constexpr clock::time_point grace_ends = start + 10s;

// Of a matchmaker of epoch 7, in which "a" and "b" are offered by process 1 of user 1.
registry_snapshot two_names() {
    registry before(7, 999);
    REQUIRE(before.announce(process_of(1), offer_of("a", "unix:/a")));
    REQUIRE(before.announce(process_of(1), offer_of("b", "unix:/b", 5, {"t"})));
    return before.snapshot();
}

std::string problem_after(void (*spoil)(instance&)) {
    registry_snapshot from = two_names();
    spoil(from.instances[1]);
    registry table(8, 999);
    const registry_adopted adopted = table.adopt(std::move(from), this_boot, grace_ends);
    REQUIRE(adopted.taken == 1);
    REQUIRE(adopted.dropped == 1);
    return adopted.first_problem;
}

}  // namespace

TEST_CASE("M3: what a predecessor knew is found as unconfirmed, under its id of then",
          "[matchmaker]") {
    registry table(8, 999);
    const registry_adopted adopted = table.adopt(two_names(), this_boot, grace_ends);
    REQUIRE(adopted.taken == 2);
    REQUIRE(adopted.dropped == 0);
    REQUIRE(table.next_deadline() == grace_ends);
    const auto found = table.lookup(query_of("b", {"t"})).value();
    REQUIRE(found.is_warming);
    REQUIRE(found.at == table_position{8, 2});
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0]->id == instance_id{7, 2});
    REQUIRE(found.instances[0]->state == instance_state::unconfirmed);
    REQUIRE(found.instances[0]->offer.weight == 5);
    REQUIRE(table.lookup(query_of("c")).value().is_warming);
}

TEST_CASE("the process that announces again is confirmed, and who waits is served",
          "[matchmaker]") {
    registry table(8, 999);
    table.adopt(two_names(), this_boot, grace_ends);
    const waiter_id waiting = table.wait(2, query_of("a")).value();
    REQUIRE(table.take_served().empty());
    const auto announced =
        table.announce(process_of(1), offer_of("a", "unix:/a", 50, {"new"})).value();
    REQUIRE(announced.was_confirmed);
    REQUIRE(announced.id == instance_id{7, 1});
    const auto served = table.take_served();
    REQUIRE(served.size() == 1);
    REQUIRE(served[0].id == waiting);
    const auto found = table.lookup(query_of("a", {"new"})).value();
    REQUIRE(found.instances.at(0)->state == instance_state::alive);
    REQUIRE(found.instances.at(0)->offer.weight == 50);
    REQUIRE(table.counters().instances == 2);
}

TEST_CASE("another process at that address is another instance", "[matchmaker]") {
    for (const instance_owner& other : {process_of(1, 2), instance_owner{1, 1, this_boot, 101},
                                        instance_owner{1, 1, boot_id{9}, 100}}) {
        registry table(8, 999);
        table.adopt(two_names(), this_boot, grace_ends);
        const auto announced = table.announce(other, offer_of("a", "unix:/a")).value();
        REQUIRE_FALSE(announced.was_confirmed);
        REQUIRE(announced.id == instance_id{8, 1});
        REQUIRE(announced.replaced == instance_id{7, 1});
    }
}

TEST_CASE("what is not confirmed in time is gone, and says why", "[matchmaker]") {
    registry table(8, 999);
    table.adopt(two_names(), this_boot, grace_ends);
    REQUIRE(table.announce(process_of(1), offer_of("a", "unix:/a")));
    REQUIRE(table.expire(grace_ends - 1ns) == 0);
    REQUIRE(table.is_warming());
    const watch_id seen = table.watch(2, {"", true}, table.at()).value().id;
    REQUIRE(table.expire(grace_ends) == 1);
    REQUIRE_FALSE(table.is_warming());
    REQUIRE(table.next_deadline() == std::nullopt);
    const auto items = table.take(seen, 9);
    REQUIRE(items.size() == 1);
    REQUIRE(items[0].change.reason == gone_reason::lost_in_restart);
    REQUIRE(items[0].change.what->offer.name == "b");
    REQUIRE(table.lookup(query_of("a")).value().instances.size() == 1);
    REQUIRE(table.expire(grace_ends + 1h) == 0);
}

TEST_CASE("an adopted name is still its user's", "[matchmaker]") {
    registry table(8, 999);
    table.adopt(two_names(), this_boot, grace_ends);
    REQUIRE_FALSE(table.announce(process_of(2), offer_of("a", "unix:/c")));
    REQUIRE(table.expire(grace_ends) == 2);
    REQUIRE(table.announce(process_of(2), offer_of("a", "unix:/c")));
    REQUIRE(table.counters().users == 1);
}

TEST_CASE("a table that was adopted into warms up even if nothing was known", "[matchmaker]") {
    registry table(8, 999);
    table.adopt({}, this_boot, grace_ends);
    REQUIRE(table.lookup(query_of("a")).value().is_warming);
    REQUIRE(table.expire(grace_ends) == 0);
    REQUIRE_FALSE(table.lookup(query_of("a")).value().is_warming);
}

TEST_CASE("what cannot be right in a snapshot is dropped, and the rest is not", "[matchmaker]") {
    REQUIRE(problem_after([](instance& one) { one.owner.boot[0] = 9; }) ==
            "7-2: it is of another boot");
    REQUIRE(problem_after([](instance& one) { one.id.epoch = 8; }) == "8-2: its epoch is not over");
    REQUIRE(problem_after([](instance& one) { one.id.number = 1; }) ==
            "7-1: its id is there twice");
    REQUIRE(problem_after([](instance& one) { one.state = instance_state::leaving; }) ==
            "7-2: it was leaving");
    REQUIRE(problem_after([](instance& one) { one.state = static_cast<instance_state>(77); }) ==
            "7-2: it was leaving");
    REQUIRE(problem_after([](instance& one) { one.offer.name = "B"; }).starts_with("7-2: a name "));
    REQUIRE(problem_after([](instance& one) { one.offer.address = "stdio:"; }) ==
            "7-2: only unix: and tcp: addresses can be announced");
    REQUIRE(problem_after([](instance& one) { one.offer.name = "conduit.x"; }) ==
            "7-2: names that begin with 'conduit.' are the matchmaker's own");
    REQUIRE(problem_after([](instance& one) {
                one.offer.name = "a";
                one.owner.uid = 2;
            }) == "7-2: 'a' is user 1's");
    REQUIRE(problem_after([](instance& one) {
                one.offer.name = "a";
                one.offer.address = "unix:/a";
            }) == "7-2: its address is there twice");
}

TEST_CASE("a snapshot is held to the limits, and in whatever order it is", "[matchmaker]") {
    registry_snapshot from = two_names();
    std::swap(from.instances[0], from.instances[1]);
    from.instances.push_back(from.instances[0]);
    registry table(8, 999, registry_limits().most(registry_resource::names, {1, 100}));
    const registry_adopted adopted = table.adopt(std::move(from), this_boot, grace_ends);
    REQUIRE(adopted.taken == 1);
    REQUIRE(adopted.dropped == 2);
    REQUIRE(adopted.first_problem ==
            "7-2: user 1 has 1 names and wants 1 more, of at most 1 (names_per_user_max)");
    REQUIRE(table.lookup(query_of("a")).value().instances.size() == 1);
}

TEST_CASE("a snapshot has no instance that leaves, and can be sent", "[matchmaker]") {
    registry before(7, 999);
    const auto gone = before.announce(process_of(1), offer_of("a", "unix:/a")).value().id;
    REQUIRE(before.announce(process_of(1), offer_of("b", "unix:/b")));
    REQUIRE(before.withdraw(process_of(1), gone));
    const registry_snapshot sent = before.snapshot();
    REQUIRE(sent.epoch == 7);
    REQUIRE(sent.revision == 3);
    REQUIRE(sent.instances.size() == 1);
    std::vector<std::byte> bytes(encoded_size(sent));
    encode_fields(bytes.data(), sent);
    registry_snapshot received;
    REQUIRE(decode_fields(bytes, decode_limits::for_message(bytes.size()), {}, received));
    REQUIRE(received.instances == sent.instances);
    REQUIRE(received.revision == 3);
}
