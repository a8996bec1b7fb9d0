// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_rules.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;

namespace {

instance_offer offer_at(const std::string& address) {
    instance_offer offer;
    offer.name = "echo";
    offer.address = address;
    return offer;
}

std::string problem_of(instance_offer offer) {
    const auto checked = check_offer(offer);
    return checked ? std::string() : std::string(checked.error().text());
}

std::string problem_of_tags(std::vector<std::string> tags) {
    instance_offer offer = offer_at("unix:/x");
    offer.tags = std::move(tags);
    return problem_of(offer);
}

}  // namespace

TEST_CASE("only addresses that others can reach may be announced", "[matchmaker]") {
    REQUIRE(problem_of(offer_at("unix:/run/x")).empty());
    REQUIRE(problem_of(offer_at("tcp:127.0.0.1:80")).empty());
    REQUIRE(problem_of(offer_at("unix:x")) ==
            "the path of an announced unix: address begins with '/'");
    for (const char* bad : {"exec:/bin/sh", "stdio:", "fifo:/run/x", "udp:127.0.0.1:80"}) {
        REQUIRE(problem_of(offer_at(bad)) == "only unix: and tcp: addresses can be announced");
    }
    REQUIRE_FALSE(problem_of(offer_at("nonsense")).empty());
    REQUIRE_FALSE(problem_of(offer_at("")).empty());
}

TEST_CASE("an offer is brought into one form", "[matchmaker]") {
    instance_offer offer = offer_at("tcp:LocalHost:80");
    offer.tags = {"b", "a", "b"};
    REQUIRE(check_offer(offer));
    REQUIRE(offer.address == "tcp:localhost:80");
    REQUIRE(offer.tags == std::vector<std::string>{"a", "b"});
}

TEST_CASE("tags and weights are bounded, and refusals name the limit", "[matchmaker]") {
    REQUIRE(problem_of_tags(std::vector<std::string>(16, "t")).empty());
    REQUIRE(problem_of_tags(std::vector<std::string>(17, "t")) ==
            "17 tags, of at most 16 (tags_max)");
    REQUIRE(problem_of_tags({std::string(64, 't')}).empty());
    REQUIRE(problem_of_tags({std::string(65, 't')}) ==
            "a tag has 1 to 64 bytes, this one has 65 (tag_bytes_max)");
    REQUIRE(problem_of_tags({""}) == "a tag has 1 to 64 bytes, this one has 0 (tag_bytes_max)");
    REQUIRE(problem_of_tags({"a b"}) ==
            "a tag is printable ASCII without blanks, and byte 1 of this one is 0x20");
    instance_offer heavy = offer_at("unix:/x");
    heavy.weight = 10'000;
    REQUIRE(problem_of(heavy).empty());
    heavy.weight = 10'001;
    REQUIRE(problem_of(heavy) == "a weight is at most 10000, this one is 10001 (weight_max)");
    heavy.name = "Echo";
    REQUIRE_FALSE(problem_of(heavy).empty());
}

TEST_CASE("a query is answered by instances of its version that have all its tags",
          "[matchmaker]") {
    instance found;
    found.offer = offer_at("unix:/x");
    found.offer.version = {1, 2};
    found.offer.tags = {"a", "b", "c"};
    instance_query query;
    query.name = "echo";
    REQUIRE(matches(query, found));
    query.tags = {"c", "a"};
    REQUIRE(check_query(query));
    REQUIRE(matches(query, found));
    query.tags = {"a", "d"};
    REQUIRE_FALSE(matches(query, found));
    query.tags = {};
    query.version = interface_version{1, 3};
    REQUIRE_FALSE(matches(query, found));
    query.name = "";
    REQUIRE_FALSE(check_query(query));
}

TEST_CASE("answers are in the order of state, weight, version and age", "[matchmaker]") {
    instance a;
    instance b;
    a.id = {2, 1};
    b.id = {2, 2};
    REQUIRE(comes_before(a, b));
    b.id = {1, 9};
    REQUIRE(comes_before(b, a));
    a.offer.version = {1, 1};
    REQUIRE(comes_before(a, b));
    b.offer.weight = 101;
    REQUIRE(comes_before(b, a));
    b.state = instance_state::unconfirmed;
    REQUIRE(comes_before(a, b));
    a.state = instance_state::suspect;
    REQUIRE(comes_before(b, a));
    REQUIRE_FALSE(comes_before(a, a));
}

TEST_CASE("longer texts count for more bytes", "[matchmaker]") {
    instance_offer offer = offer_at("unix:/x");
    constexpr std::size_t a_tag = sizeof(std::string) + 16;
    const std::size_t before = bytes_of(offer);
    offer.tags = {"0123456789"};
    REQUIRE(bytes_of(offer) == before + 10 + a_tag);
    offer.address += "y";
    REQUIRE(bytes_of(offer) == before + 11 + a_tag);
}
