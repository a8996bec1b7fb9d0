// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_interface.hpp>

#include <catch2/catch.hpp>

using namespace conduit::rpc;

TEST_CASE("each source of an answer has a text", "[matchmaker]") {
    REQUIRE(to_string(answer_source::live) == "live");
    REQUIRE(to_string(answer_source::warming) == "warming");
    REQUIRE(to_string(answer_source::cache) == "cache");
    REQUIRE(to_string(answer_source::file) == "file");
    REQUIRE(to_string(static_cast<answer_source>(99)) == "unknown");
}

TEST_CASE("the matchmaker's interface has its reserved name, and a text for each method",
          "[matchmaker]") {
    const interface_row& row = row_of<matchmaker_interface>();
    REQUIRE(row.name == "conduit.matchmaker");
    REQUIRE(row.methods.size() == 11);
    for (const auto& each : row.methods) REQUIRE_FALSE(each.text.empty());
}
