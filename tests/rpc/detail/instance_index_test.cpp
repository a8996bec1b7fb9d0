// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/instance_index.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

// "a1 a2 b3": what a walk over the pattern finds.
std::string walk(const instance_index& index, const name_pattern& pattern) {
    std::string seen;
    std::optional<index_key> last;
    while (const instance_ptr one = index.next(pattern, last)) {
        last = index_key{one->offer.name, one->id};
        seen += (seen.empty() ? "" : " ") + one->offer.name + std::to_string(one->id.number);
    }
    return seen;
}

}  // namespace

TEST_CASE("instances are found by id and by name, in the order of ids", "[matchmaker]") {
    instance_index index;
    index.insert(instance_of("b", 1));
    index.insert(instance_of("a", 2));
    index.insert(instance_of("a", 3));
    REQUIRE(index.find({1, 2})->offer.name == "a");
    REQUIRE(index.find({1, 4}) == nullptr);
    REQUIRE(index.find({2, 2}) == nullptr);
    REQUIRE(index.of_name("a").size() == 2);
    REQUIRE(index.of_name("a")[1]->id.number == 3);
    REQUIRE(index.of_name("c").empty());
    REQUIRE(index.names() == 2);
    REQUIRE(index.instances() == 3);
    index.erase({1, 1});
    REQUIRE(index.names() == 1);
    REQUIRE(index.of_name("b").empty());
}

TEST_CASE("a walk goes by name and then by id, and over the pattern only", "[matchmaker]") {
    instance_index index;
    std::uint64_t number = 0;
    for (const char* name : {"b.y", "a", "b.x", "b", "c", "b.x"}) {
        index.insert(instance_of(name, ++number));
    }
    REQUIRE(walk(index, {"", true}) == "a2 b4 b.x3 b.x6 b.y1 c5");
    REQUIRE(walk(index, {"b", true}) == "b4 b.x3 b.x6 b.y1");
    REQUIRE(walk(index, {"b.", true}) == "b.x3 b.x6 b.y1");
    REQUIRE(walk(index, {"b", false}) == "b4");
    REQUIRE(walk(index, {"b.x", false}) == "b.x3 b.x6");
    REQUIRE(walk(index, {"d", true}).empty());
    REQUIRE(walk(index, {"aa", false}).empty());
}

TEST_CASE("a walk goes on where what it saw last is gone", "[matchmaker]") {
    instance_index index;
    index.insert(instance_of("a", 1));
    index.insert(instance_of("b", 2));
    index.insert(instance_of("b", 3));
    const std::optional<index_key> at_b2 = index_key{"b", {1, 2}};
    index.erase({1, 2});
    REQUIRE(index.next({"", true}, at_b2)->id.number == 3);
    index.erase({1, 3});
    REQUIRE(index.next({"", true}, at_b2) == nullptr);
}

TEST_CASE("a name is its first user's until the last of that user's instances goes",
          "[matchmaker]") {
    instance_index index;
    REQUIRE_FALSE(index.holder("a"));
    index.insert(instance_of("a", 1, 7));
    index.insert(instance_of("a", 2, 8));
    index.insert(instance_of("a", 3, 7));
    REQUIRE(index.holder("a") == 7);
    index.erase({1, 1});
    REQUIRE(index.holder("a") == 7);
    index.replace({1, 3}, instance_of("a", 4, 7));
    REQUIRE(index.holder("a") == 7);
    REQUIRE(index.of_name("a").back()->id.number == 4);
    index.erase({1, 4});
    REQUIRE(index.holder("a") == 8);
    index.erase({1, 2});
    REQUIRE_FALSE(index.holder("a"));
}

TEST_CASE("an update is seen by name and by id, and not by who holds the one before",
          "[matchmaker]") {
    instance_index index;
    index.insert(instance_of("a", 1));
    const instance_ptr before = index.find({1, 1});
    instance newer = *before;
    newer.state = instance_state::suspect;
    index.update(std::make_shared<instance>(newer));
    REQUIRE(before->state == instance_state::alive);
    REQUIRE(index.find({1, 1})->state == instance_state::suspect);
    REQUIRE(index.of_name("a")[0]->state == instance_state::suspect);
}
