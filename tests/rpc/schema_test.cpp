// SPDX-License-Identifier: BSL-1.0
//
// Schemas: what is known of a type, its text, and which schemas of a peer are refused.

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/schema.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using namespace conduit::rpc;

namespace schema_test {

enum class colour : std::uint16_t { red };

struct entry {
    std::uint64_t id = 0;
    std::vector<std::string> names;
    std::chrono::system_clock::time_point at;
    conduit::unique_fd file;
    std::optional<std::chrono::seconds> next;
};

struct tree {
    colour value{};
    std::vector<tree> children;
};

struct ping;
struct pong {
    std::vector<ping> pings;
    std::vector<pong> pongs;
};
struct ping {
    std::optional<pong> answer;
};

struct everything {
    std::map<std::string, std::vector<std::byte>> files;
    std::set<std::int8_t> small;
    std::array<float, 3> place{};
    std::array<std::byte, 16> digest{};
    std::variant<std::monostate, bool, std::pair<double, char>> either;
    std::optional<std::optional<std::list<std::int32_t>>> deep;
    std::vector<bool> bits;
};

struct empty {};

type_schema of(std::vector<type_node> nodes) { return {std::move(nodes)}; }

}  // namespace schema_test

using namespace schema_test;
using kind = node_kind;

TEST_CASE("a schema has a text that people can read", "[rpc][schema]") {
    CHECK(to_string(schema_of<int>()) == "i32");
    CHECK(to_string(schema_of<empty>()) == "{}");
    CHECK(to_string(schema_of<entry>()) ==
          "{id: u64, names: [string], at: time, file: fd, next?: duration}");
    CHECK(to_string(schema_of<everything>()) ==
          "{files: {string => bytes}, small: set<i8>, place: [f32; 3], digest: bytes[16], "
          "either: (() | bool | (f64, i8)), deep?: [i32]?, bits: [bool]}");
    CHECK(to_string(schema_of_fields<double, double>({"lhs", "rhs"})) == "(lhs: f64, rhs: f64)");
    CHECK(to_string(schema_of_fields<double, std::string>()) == "(f64, string)");
    CHECK(to_string(schema_of_fields<>()) == "()");
}

TEST_CASE("a type inside itself is named by how far outside it is", "[rpc][schema]") {
    CHECK(to_string(schema_of<tree>()) == "{value: u16, children: [^]}");
    CHECK(to_string(schema_of<ping>()) == "{answer?: {pings: [^^], pongs: [^]}}");
    CHECK(schema_of<tree>().nodes.size() == 3);
}

TEST_CASE("a schema goes through the codec", "[rpc][schema]") {
    STATIC_REQUIRE(codable<type_schema>);
    const auto sent = schema_of<everything>();
    CHECK_FALSE(problem_of(sent).has_value());
    type_schema got;
    REQUIRE(conduit::rpc::testing::decode(conduit::rpc::testing::encoded(sent), got));
    CHECK(got == sent);
}

TEST_CASE("a schema made to hurt is refused", "[rpc][schema][hostile]") {
    const auto problem = [](std::vector<type_node> nodes) {
        return problem_of(of(std::move(nodes))).value_or("");
    };
    CHECK(problem({}) == "a schema has no nodes");
    CHECK(problem(std::vector<type_node>(4096)).empty());
    CHECK(problem(std::vector<type_node>(4097)) ==
          "a schema has 4097 nodes, but the limit is 4096");
    CHECK(problem({{static_cast<kind>(26), 0, {}, {}}}) == "node 0 of a schema: kind 26 is none");
    CHECK(problem({{kind::list, 0, {1}, {}}}) ==
          "node 0 of a schema: part 1, but there are 1 nodes");
    CHECK(problem({{kind::list, 0, {}, {}}}) ==
          "node 0 of a schema: a list has 1 to 1 parts, not 0");
    CHECK(problem({{kind::u8, 0, {0}, {}}}) == "node 0 of a schema: a u8 has 0 to 0 parts, not 1");
    CHECK(problem({{kind::variant, 0, {}, {}}}) ==
          "node 0 of a schema: a variant has 1 to 256 parts, not 0");
    CHECK(problem({{kind::tuple, 0, {1}, {}}, {kind::field_list, 0, {}, {}}}) ==
          "node 1 of a schema: a field list inside of another type");
    CHECK(problem({{kind::byte_array, 1U << 20, {}, {}}}).empty());
    CHECK(problem({{kind::byte_array, (1U << 20) + 1, {}, {}}}) ==
          "node 0 of a schema: a bytes with a count of 1048577");
}

TEST_CASE("the names of a schema are names", "[rpc][schema][hostile]") {
    const auto names = [](std::vector<std::string> given) {
        return problem_of(
                   of({{kind::structure, 0, {1, 1}, std::move(given)}, {kind::u8, 0, {}, {}}}))
            .value_or("");
    };
    CHECK(names({"a", "_b9"}).empty());
    CHECK(names({"a",
                 "gr\xc3\xb6\xc3\x9f"
                 "e"})
              .empty());
    CHECK(names({}) == "node 0 of a schema: 0 names for 2 parts");
    CHECK(names({"a"}) == "node 0 of a schema: 1 names for 2 parts");
    CHECK(names({"a", "a"}) == "node 0 of a schema: two fields of the same name");
    for (const std::string bad : {"", "9", "a b", "a\n", "\x1b[2J", "\xff", "a\"b"}) {
        CHECK(names({"a", bad}) == "node 0 of a schema: a name that is none");
    }
    CHECK_FALSE(names({"a", std::string(129, 'x')}).empty());
}

TEST_CASE("a type that is nothing but itself is refused", "[rpc][schema][hostile]") {
    const auto is_refused = [](std::vector<type_node> nodes) {
        return problem_of(of(std::move(nodes))).has_value();
    };
    CHECK(is_refused({{kind::tuple, 0, {0}, {}}}));
    CHECK(is_refused({{kind::array, 2, {0}, {}}}));
    CHECK(is_refused({{kind::structure, 0, {1}, {"a"}}, {kind::structure, 0, {0}, {"b"}}}));
    CHECK_FALSE(is_refused({{kind::structure, 0, {1}, {"a"}}, {kind::optional, 0, {0}, {}}}));
    CHECK_FALSE(is_refused({{kind::list, 0, {0}, {}}}));

    std::vector<type_node> doubling(30, {kind::tuple, 0, {}, {}});
    for (std::uint32_t i = 0; i + 1 < doubling.size(); ++i) doubling[i].parts = {i + 1, i + 1};
    CHECK(is_refused(doubling));
}

TEST_CASE("the text of a schema ends somewhere", "[rpc][schema][hostile]") {
    const std::string endless = to_string(of({{kind::list, 0, {0}, {}}}));
    CHECK(endless == std::string(64, '[') + "...");
    std::vector<type_node> doubling(40, {kind::variant, 0, {}, {}});
    for (std::uint32_t i = 0; i + 1 < doubling.size(); ++i) doubling[i].parts = {i + 1, i + 1};
    doubling.back() = {kind::u8, 0, {}, {}};
    const std::string wide = to_string(of(doubling));
    CHECK(wide.size() < 66'000);
    CHECK(wide.ends_with("..."));
    CHECK(to_string(of({})) == "(a schema has no nodes)");
}
