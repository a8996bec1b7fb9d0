// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/watch_table.hpp>
#include <conduit/runtime/result.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

const registry_limits defaults;

// A table of instances that are announced one after the other, and those who watch it.
struct watched {
    explicit watched(const registry_limits& limits = defaults)
        : shares(limits), history(limits), watches(limits, shares) {}

    void tell(change_kind kind, instance_ptr what) {
        const registry_change change{++at.revision, kind, gone_reason::none, std::move(what), {}};
        history.push(change);
        watches.publish(change, at.epoch);
    }
    void announce(const std::string& name) {
        index.insert(instance_of(name, ++number));
        tell(change_kind::announced, index.find({1, number}));
    }
    void remove(std::uint64_t gone) {
        const instance_ptr what = index.find({1, gone});
        index.erase({1, gone});
        tell(change_kind::gone, what);
    }
    result<watch_opened, fault> try_open(const name_pattern& pattern,
                                         std::optional<table_position> from = std::nullopt) {
        return watches.open(1, pattern, from, history, at);
    }
    watch_id open(const name_pattern& pattern, std::optional<table_position> from = std::nullopt) {
        return try_open(pattern, from).value().id;
    }
    // "resync a1 b2 complete@2 +c3@3 -a1@4"
    std::string take(watch_id id, std::size_t most = 1000) {
        std::string text;
        for (const watch_item& item : watches.take(id, most, index, at)) {
            if (!text.empty()) text += ' ';
            text += text_of(item);
        }
        return text;
    }
    static std::string text_of(const watch_item& item) {
        const std::string revision = "@" + std::to_string(item.at.revision);
        if (item.kind == watch_item_kind::resync) return "resync";
        if (item.kind == watch_item_kind::complete) return "complete" + revision;
        const instance& what = *item.change.what;
        const std::string name = what.offer.name + std::to_string(what.id.number);
        if (item.kind == watch_item_kind::present) return name;
        return (item.change.kind == change_kind::gone ? "-" : "+") + name + revision;
    }

    user_shares shares;
    instance_index index;
    change_history history;
    watch_table watches;
    table_position at{9, 0};
    std::uint64_t number = 0;
};

}  // namespace

TEST_CASE("a new watch is told all there is, and then what happens", "[matchmaker]") {
    watched table;
    table.announce("a");
    table.announce("b");
    const watch_id all = table.open({"", true});
    const watch_id one = table.open({"b", false});
    REQUIRE(table.take(all) == "resync a1 b2 complete@2");
    REQUIRE(table.take(all).empty());
    table.announce("c");
    table.remove(1);
    REQUIRE(table.take(all) == "+c3@3 -a1@4");
    REQUIRE(table.take(one) == "resync b2 complete@4");
    table.remove(2);
    REQUIRE(table.take(one) == "-b2@5");
}

TEST_CASE("a watch of a prefix sees its names and no others", "[matchmaker]") {
    watched table;
    const watch_id demo = table.open({"demo.", true});
    const watch_id echo = table.open({"demo.echo", false});
    REQUIRE(table.take(demo) == "resync complete@0");
    REQUIRE(table.take(echo) == "resync complete@0");
    for (const char* name : {"demo", "demo.", "demo.echo", "demo.echo2", "other"}) {
        table.announce(name);
    }
    REQUIRE(table.take(demo) == "+demo.2@2 +demo.echo3@3 +demo.echo24@4");
    REQUIRE(table.take(echo) == "+demo.echo3@3");
}

TEST_CASE("a watch resumes after the revision it has seen, without a gap", "[matchmaker]") {
    watched table;
    for (const char* name : {"a", "b", "a", "a"}) table.announce(name);
    const auto resumed = table.try_open({"a", false}, table_position{9, 1}).value();
    REQUIRE(resumed.is_resumed);
    REQUIRE(resumed.at == table_position{9, 4});
    REQUIRE(table.take(resumed.id) == "+a3@3 +a4@4");
    const auto up_to_date = table.try_open({"a", false}, table_position{9, 4}).value();
    REQUIRE(up_to_date.is_resumed);
    REQUIRE(table.take(up_to_date.id).empty());
}

TEST_CASE("a watch from another epoch, the future or long ago begins anew", "[matchmaker]") {
    watched table(registry_limits().history_changes_max(2));
    for (const char* name : {"a", "b", "c", "d"}) table.announce(name);
    for (const table_position from : {table_position{8, 3}, {9, 5}, {9, 1}, {10, 4}}) {
        const auto opened = table.try_open({"c", true}, from).value();
        REQUIRE_FALSE(opened.is_resumed);
        REQUIRE(table.take(opened.id) == "resync c3 complete@4");
    }
    REQUIRE(table.try_open({"c", true}, table_position{9, 2}).value().is_resumed);
}

TEST_CASE("a slow watcher begins anew, and misses nothing in silence", "[matchmaker]") {
    watched table(registry_limits().watch_changes_max(3));
    const watch_id slow = table.open({"", true});
    REQUIRE(table.take(slow) == "resync complete@0");
    for (const char* name : {"a", "b", "c"}) table.announce(name);
    REQUIRE(table.watches.queued() == 3);
    REQUIRE(table.watches.overflows() == 0);
    table.remove(1);
    REQUIRE(table.watches.queued() == 0);
    REQUIRE(table.watches.overflows() == 1);
    table.announce("d");
    REQUIRE(table.take(slow) == "resync b2 c3 d4 complete@5");
    table.announce("e");
    REQUIRE(table.take(slow) == "+e5@6");
}

TEST_CASE("a watcher's queue is bounded in bytes as well", "[matchmaker]") {
    const std::size_t one = bytes_of(change_of(1, instance_of("a", 1)));
    watched table(registry_limits().watch_bytes_max(2 * one));
    const watch_id slow = table.open({"", true});
    REQUIRE(table.take(slow) == "resync complete@0");
    table.announce("a");
    table.announce("b");
    REQUIRE(table.watches.overflows() == 0);
    table.announce("c");
    REQUIRE(table.watches.overflows() == 1);
    REQUIRE(table.take(slow) == "resync a1 b2 c3 complete@3");
}

TEST_CASE("what waits for a watcher counts for its user's bytes", "[matchmaker]") {
    const std::size_t one = bytes_of(change_of(1, instance_of("a", 1)));
    const std::size_t most = bytes_of(name_pattern{"", true}) + one;
    watched table(registry_limits().most(registry_resource::bytes, {most, 100 * most}));
    const watch_id slow = table.open({"", true});
    REQUIRE(table.take(slow) == "resync complete@0");
    table.announce("a");
    REQUIRE(table.shares.taken(1, registry_resource::bytes) == most);
    table.announce("b");
    REQUIRE(table.watches.overflows() == 1);
    REQUIRE(table.shares.taken(1, registry_resource::bytes) == most - one);
    REQUIRE(table.take(slow) == "resync a1 b2 complete@2");
}

TEST_CASE("a resync in pages sees what changes behind and before the page", "[matchmaker]") {
    watched table;
    for (const char* name : {"b", "d", "f"}) table.announce(name);
    const watch_id all = table.open({"", true});
    REQUIRE(table.take(all, 3) == "resync b1 d2");
    table.announce("a");  // behind: told as a change
    table.announce("e");  // before: told as it is
    table.remove(1);
    table.remove(3);
    REQUIRE(table.take(all, 2) == "e5 +a4@4");
    table.announce("z");
    REQUIRE(table.take(all) == "-b1@6 +z6@8 complete@8");
}

TEST_CASE("a resync whose changes overflow is begun once more", "[matchmaker]") {
    watched table(registry_limits().watch_changes_max(1));
    table.announce("b");
    table.announce("c");
    const watch_id all = table.open({"", true});
    REQUIRE(table.take(all, 2) == "resync b1");
    table.announce("a");
    table.announce("a");
    REQUIRE(table.take(all) == "resync a3 a4 b1 c2 complete@4");
}

TEST_CASE("a watch is readable once, until it was emptied", "[matchmaker]") {
    using ids = std::vector<watch_id>;
    watched table;
    const watch_id first = table.open({"a", false});
    const watch_id second = table.open({"", true});
    REQUIRE(table.watches.take_readable() == ids{first, second});
    REQUIRE(table.watches.take_readable().empty());
    REQUIRE(table.take(second, 1) == "resync");
    table.announce("b");
    REQUIRE(table.watches.take_readable().empty());  // it was not emptied
    REQUIRE(table.take(second) == "b1 complete@1");
    table.announce("b");
    REQUIRE(table.watches.take_readable() == ids{second});
    table.take(second);
    table.announce("b");
    table.take(second);
    REQUIRE(table.watches.take_readable().empty());
    table.announce("b");
    REQUIRE(table.watches.close(second));
    REQUIRE(table.watches.take_readable().empty());
}

TEST_CASE("a watch that is closed gives back all it took", "[matchmaker]") {
    watched table;
    const watch_id one = table.open({"a", false});
    const watch_id other = table.open({"a", false});
    REQUIRE(table.take(one) == "resync complete@0");
    table.announce("a");
    REQUIRE(table.watches.close(one));
    REQUIRE_FALSE(table.watches.close(one));
    REQUIRE(table.take(one).empty());
    REQUIRE(table.watches.size() == 1);
    REQUIRE(table.watches.queued() == 0);
    REQUIRE(table.watches.close(other));
    REQUIRE(table.shares.users() == 0);
    table.announce("a");
}

TEST_CASE("watches are bounded for each user, and their patterns checked", "[matchmaker]") {
    watched table(registry_limits().most(registry_resource::watches, {1, 100}));
    REQUIRE(table.try_open({"A", false}).error().code() == status::invalid_argument);
    REQUIRE(table.try_open({"", false}).error().code() == status::invalid_argument);
    REQUIRE(table.try_open({"a/", true}).error().code() == status::invalid_argument);
    REQUIRE(table.try_open({"", true}));
    const auto refused = table.try_open({"", true});
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE(refused.error().text() ==
            "user 1 has 1 watches and wants 1 more, of at most 1 (watches_per_user_max)");
}
