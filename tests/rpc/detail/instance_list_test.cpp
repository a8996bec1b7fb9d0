// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_list.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace conduit::rpc;
using detail::parse_instance_list;

namespace {

std::string why(std::string_view text) {
    auto offers = parse_instance_list(text, "/etc/servers");
    REQUIRE_FALSE(offers.has_value());
    REQUIRE(offers.error().code() == status::failed_precondition);
    return std::string(offers.error().text());
}

}  // namespace

TEST_CASE("a list of instances has one a line, with what is said of it", "[rpc][matchmaker]") {
    const auto offers = parse_instance_list(
        "# who serves\n"
        "\n"
        "demo.calculator.v1\tunix:/run/one version=1.2 weight=50 tag=zone=eu tag=fast # here\r\n"
        "  demo.calculator.v1   tcp:10.0.0.7:4000\n"
        "demo.kv unix:/run/a#b version=2",
        "/etc/servers");
    REQUIRE(offers->size() == 3);
    REQUIRE(offers->at(0) ==
            instance_offer{"demo.calculator.v1", "unix:/run/one", {1, 2}, 50, {"fast", "zone=eu"}});
    REQUIRE(offers->at(1) ==
            instance_offer{"demo.calculator.v1", "tcp:10.0.0.7:4000", {}, 100, {}});
    REQUIRE(offers->at(2) == instance_offer{"demo.kv", "unix:/run/a#b", {2, 0}, 100, {}});
}

TEST_CASE("a list in one line parts its lines by what is said", "[rpc][matchmaker]") {
    const auto offers = parse_instance_list("demo.x unix:/x;; demo.y unix:/y ;", "list", ';');
    REQUIRE(offers->size() == 2);
    REQUIRE(offers->at(1).name == "demo.y");
    REQUIRE(parse_instance_list("", "list", ';')->empty());
}

TEST_CASE("what is wrong with a list is said with place, line and reason", "[rpc][matchmaker]") {
    REQUIRE(why("demo.x") == "/etc/servers:1: an address is missing behind the name");
    REQUIRE(why("\n\ndemo.x unix:/x wight=1") ==
            "/etc/servers:3: 'wight=1' is none of version=, weight= and tag=");
    REQUIRE(why("demo.x unix:/x tag") ==
            "/etc/servers:1: 'tag' is none of version=, weight= and tag=");
    REQUIRE(why("demo.x unix:/x weight=-1") == "/etc/servers:1: '-1' is no weight: a number is");
    REQUIRE(why("demo.x unix:/x weight=10001") ==
            "/etc/servers:1: a weight is at most 10000, this one is 10001 (weight_max)");
    REQUIRE(why("demo.x unix:/x version=1.") ==
            "/etc/servers:1: '1.' is no version: 1 and 1.2 are");
    REQUIRE(why("demo.x exec:true") ==
            "/etc/servers:1: only unix: and tcp: addresses can be announced");
    REQUIRE(why("demo.x unix:x") ==
            "/etc/servers:1: the path of an announced unix: address begins with '/'");
    REQUIRE(why("Demo unix:/x").find("/etc/servers:1: ") == 0);
    REQUIRE(why("demo.x unix:/x\ndemo.y unix:/x\ndemo.x unix:/x") ==
            "/etc/servers:3: the same as in line 1");
}
