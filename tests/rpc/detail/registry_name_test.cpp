// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_name.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace conduit::rpc::detail;

TEST_CASE("names consist of a few characters and are neither empty nor long", "[matchmaker]") {
    REQUIRE(name_problem("demo.calculator-2_x.v1").empty());
    REQUIRE(name_problem(std::string(128, 'a')).empty());
    REQUIRE(name_problem(std::string(129, 'a')) ==
            "a name has at most 128 bytes, this one has 129");
    REQUIRE(name_problem("") == "a name has at least 1 byte, this one has 0");
    int allowed = 0;
    for (int byte = 0; byte < 256; ++byte) {
        if (name_problem(std::string("x") + static_cast<char>(byte)).empty()) ++allowed;
    }
    REQUIRE(allowed == 26 + 10 + 3);
}

TEST_CASE("what is wrong with a name can be printed whatever is in it", "[matchmaker]") {
    REQUIRE(name_problem("ab\x1b[2J") ==
            "a name consists of a-z, 0-9, '.', '_' and '-', and byte 2 of it is 0x1b");
    REQUIRE(name_problem("\xc3\xa4") ==
            "a name consists of a-z, 0-9, '.', '_' and '-', and byte 0 of it is 0xc3");
}

TEST_CASE("a prefix is like a name and may be empty", "[matchmaker]") {
    REQUIRE(prefix_problem("").empty());
    REQUIRE(prefix_problem("demo.").empty());
    REQUIRE_FALSE(prefix_problem("demo/").empty());
    REQUIRE(prefix_problem(std::string(129, 'a')) ==
            "a prefix has at most 128 bytes, this one has 129");
}

TEST_CASE("the matchmaker's own names are reserved", "[matchmaker]") {
    REQUIRE(is_reserved_name("conduit.matchmaker.v1"));
    REQUIRE(is_reserved_name("conduit."));
    REQUIRE_FALSE(is_reserved_name("conduit"));
    REQUIRE_FALSE(is_reserved_name("conduits.x"));
    REQUIRE_FALSE(is_reserved_name("x.conduit."));
}
