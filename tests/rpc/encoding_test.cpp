// SPDX-License-Identifier: BSL-1.0
//
// docs/reference/encoding.md shows bytes. These are the same bytes, made by the codec.

#include <conduit/rpc/codec.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::testing;

namespace encoding_test {

enum class open : std::uint8_t {};
struct empty {};
struct greeting {
    std::uint16_t number = 1;
    std::string text = "hi";
};
struct inner {
    std::uint8_t value = 1;
};
struct outer {
    inner first;
    std::uint8_t second = 2;
};
struct older {
    std::uint32_t id = 7;
};
struct newer {
    std::uint32_t id = 7;
    std::string name = "n";
};

}  // namespace encoding_test

using namespace encoding_test;
using lines = std::map<std::string, std::string>;

namespace {

template <class... T>
std::string hex(const T&... fields) {
    return to_hex(encoded(fields...));
}

std::string hex_of_handle(conduit::unique_fd handle) {
    std::vector<std::byte> bytes(encoded_size(handle));
    handle_list handles;
    encode_fields(bytes.data(), handles, handle);
    for (auto& each : handles) static_cast<void>(each.release());
    return to_hex(bytes);
}

// The lines "label: text" of the blocks of one language.
lines documented(const std::string& language) {
    std::ifstream in(std::string(CONDUIT_SOURCE_DIR) + "/docs/reference/encoding.md");
    lines found;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            inside = line == "```" + language;
        } else if (inside) {
            const std::size_t colon = line.rfind(": ");
            REQUIRE(colon != std::string::npos);
            CHECK(found.emplace(line.substr(0, colon), line.substr(colon + 2)).second);
        }
    }
    return found;
}

void add_scalars(lines& made) {
    using namespace std::chrono;
    made["bool true"] = hex(true);
    made["u8 7"] = hex(std::uint8_t{7});
    made["i16 -2"] = hex(std::int16_t{-2});
    made["u32 1000000"] = hex(std::uint32_t{1'000'000});
    made["u64 max"] = hex(std::numeric_limits<std::uint64_t>::max());
    made["f32 1.5"] = hex(1.5F);
    made["f64 -0.1"] = hex(-0.1);
    made["enum 200 of u8"] = hex(static_cast<open>(200));
    made["duration 1 ms"] = hex(milliseconds(1));
    made["time 1970-01-01T00:00:01Z"] = hex(system_clock::time_point(seconds(1)));
    made["handle, the first"] = hex_of_handle(conduit::unique_fd(1'000'000));
    made["handle, empty"] = hex_of_handle({});
}

void add_containers(lines& made) {
    made["string \"abc\""] = hex(std::string("abc"));
    made["string \"\""] = hex(std::string());
    made["vector of u16 {1, 2}"] = hex(std::vector<std::uint16_t>{1, 2});
    made["vector of bool {true, false}"] = hex(std::vector<bool>{true, false});
    made["vector of string {\"a\", \"\"}"] = hex(std::vector<std::string>{"a", ""});
    made["array of u8 {1, 2, 3}"] = hex(std::array<std::uint8_t, 3>{1, 2, 3});
    made["set of u8 {1, 9}"] = hex(std::set<std::uint8_t>{1, 9});
    made["map of string to u8 {{\"a\", 7}}"] = hex(std::map<std::string, std::uint8_t>{{"a", 7}});
}

void add_compounds(lines& made) {
    using either = std::variant<std::monostate, std::uint16_t>;
    made["optional u8, none"] = hex(std::optional<std::uint8_t>());
    made["optional u8 5"] = hex(std::optional<std::uint8_t>(5));
    made["variant of monostate and u16, the first"] = hex(either());
    made["variant of monostate and u16, 258"] = hex(either(std::uint16_t{258}));
    made["tuple of u8 1 and string \"x\""] =
        hex(std::tuple<std::uint8_t, std::string>(std::uint8_t{1}, "x"));
    made["struct {}"] = hex(empty());
    made["struct {u16 1, string \"hi\"}"] = hex(greeting());
    made["struct {struct {u8 1}, u8 2}"] = hex(outer());
    made["field list u16 1, string \"hi\""] = hex(std::uint16_t{1}, std::string("hi"));
    made["struct {u32 id 7}, then u8 1"] = hex(older(), std::uint8_t{1});
    made["struct {u32 id 7, string \"n\"}, then u8 1"] = hex(newer(), std::uint8_t{1});
}

}  // namespace

TEST_CASE("encoding.md shows the bytes that the codec makes", "[rpc][codec][docs]") {
    lines made;
    add_scalars(made);
    add_containers(made);
    add_compounds(made);
    const lines shown = documented("encoding");
    for (const auto& [label, bytes] : made) {
        INFO(label << " must be in docs/reference/encoding.md");
        REQUIRE(shown.contains(label));
        CHECK(shown.at(label) == bytes);
    }
    CHECK(shown.size() == made.size());
}
