// SPDX-License-Identifier: BSL-1.0
//
// The JSON face of encoded fields: every kind there and back, and errors that say where, what was
// expected and what was found.

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/json.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::testing;

namespace json_test {

struct point {
    std::int32_t x = 0;
    std::optional<std::string> label;
    double weight = 1;
};

struct everything {
    bool flag = true;
    std::uint64_t big = std::numeric_limits<std::uint64_t>::max();
    std::int64_t low = std::numeric_limits<std::int64_t>::min();
    float fraction = 0.1F;
    std::string text = "gr\xc3\xbc\xc3\x9f \"Gott\"\n";
    std::vector<std::byte> bytes = {std::byte{1}, std::byte{2}};
    std::array<std::byte, 4> digest = {std::byte{0xff}};
    std::chrono::system_clock::time_point at{std::chrono::milliseconds(-1500)};
    std::chrono::seconds wait{3};
    std::map<std::string, point> named = {{"a", {1, "one", 2}}, {"b", {}}};
    std::map<std::uint8_t, bool> numbered = {{7, true}};
    std::set<std::int8_t> small = {-1, 1};
    std::variant<std::monostate, std::string> either = "x";
    std::optional<std::optional<int>> deep = std::optional<int>();
    std::pair<int, std::string> pair = {1, "p"};
    std::array<std::uint16_t, 2> two = {3, 4};
};

struct tree {
    int value = 0;
    std::vector<tree> children;
};

struct with_file {
    conduit::unique_fd file;
    std::optional<conduit::unique_fd> more;
};

constexpr std::string_view everything_text =
    R"({"flag": true, "big": "18446744073709551615", "low": "-9223372036854775808", )"
    R"("fraction": 0.1, "text": "grüß \"Gott\"\u000a", "bytes": "AQI=", "digest": "/wAAAA==", )"
    R"("at": "1969-12-31T23:59:58.5Z", "wait": 3000000000, )"
    R"("named": {"a": {"x": 1, "label": "one", "weight": 2.0}, )"
    R"("b": {"x": 0, "label": null, "weight": 1.0}}, )"
    R"("numbered": [[7, true]], "small": [-1, 1], "either": {"1": "x"}, "deep": [null], )"
    R"("pair": [1, "p"], "two": [3, 4]})";

}  // namespace json_test

using namespace json_test;

namespace {

std::string json_of(const type_schema& schema, const std::vector<std::byte>& bytes) {
    auto text = fields_to_json(schema, bytes, decode_limits::for_message(bytes.size()));
    return text ? *text : "error: " + text.error();
}

template <class T>
std::string json_of(const T& value) {
    return json_of(schema_of<T>(), encoded(value));
}

template <class T>
std::string hex_of(std::string_view text) {
    auto bytes = json_to_fields(schema_of<T>(), text);
    return bytes ? to_hex(*bytes) : bytes.error();
}

// Through JSON and back.
template <class T>
void check_text(const T& value, std::string_view text) {
    CHECK(json_of(value) == text);
    auto bytes = json_to_fields(schema_of<T>(), text);
    INFO(bytes.error());
    REQUIRE(bytes);
    CHECK(*bytes == encoded(value));
}

}  // namespace

TEST_CASE("every kind has its JSON, and comes back from it", "[rpc][json]") {
    check_text(everything(), everything_text);
    check_text(tree{1, {{2, {}}, {3, {{4, {}}}}}},
               R"({"value": 1, "children": [{"value": 2, "children": []}, )"
               R"({"value": 3, "children": [{"value": 4, "children": []}]}]})");
    check_text(std::vector<bool>{true, false}, "[true, false]");
    check_text(std::optional<int>(5), "5");
    check_text(std::optional<std::optional<int>>(std::in_place, 5), "[5]");
    check_text(std::optional<std::optional<int>>(), "null");
}

TEST_CASE("numbers keep their values in JSON", "[rpc][json]") {
    check_text(std::int64_t{9007199254740992}, "9007199254740992");
    check_text(std::int64_t{9007199254740993}, "\"9007199254740993\"");
    check_text(std::uint64_t{9007199254740993}, "\"9007199254740993\"");
    check_text(1e300, "1e+300");
    check_text(-0.0, "-0.0");
    check_text(std::numeric_limits<double>::infinity(), "\"Infinity\"");
    check_text(-std::numeric_limits<float>::infinity(), "\"-Infinity\"");
    CHECK(json_of(std::numeric_limits<float>::quiet_NaN()) == "\"NaN\"");
    CHECK(hex_of<float>("\"NaN\"") == "00 00 c0 7f");
    CHECK(hex_of<double>("1") == "00 00 00 00 00 00 f0 3f");
    CHECK(hex_of<std::uint8_t>("\"255\"") == "ff");
}

TEST_CASE("times are text or nanoseconds in JSON", "[rpc][json]") {
    using time = std::chrono::system_clock::time_point;
    check_text(time(), "\"1970-01-01T00:00:00Z\"");
    check_text(time(std::chrono::nanoseconds(1)), "\"1970-01-01T00:00:00.000000001Z\"");
    check_text(time::max(), "\"2262-04-11T23:47:16.854775807Z\"");
    check_text(time::min(), "\"1677-09-21T00:12:43.145224192Z\"");
    CHECK(hex_of<time>("1") == "01 00 00 00 00 00 00 00");
    for (const std::string bad :
         {"2026-02-29T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z",
          "2026-01-01T00:00:00.0123456789Z", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z"}) {
        CHECK(hex_of<time>('"' + bad + '"') ==
              "$: expected a time such as \"2026-01-02T03:04:05Z\", found \"" + bad + '"');
    }
}

TEST_CASE("text that is not UTF-8 goes through JSON as base64", "[rpc][json]") {
    check_text(std::string("\xff\xfe"), R"({"base64": "//4="})");
    check_text(std::string("\xc0\x80"), R"({"base64": "wIA="})");
    check_text(std::string("\0\x1f\x7f/", 4), "\"\\u0000\\u001f\\u007f/\"");
    CHECK(json_of(std::map<std::string, int>{{"\xff", 1}}) ==
          "error: [0]: JSON, whose keys are UTF-8 text, does not take this value (at byte 4)");
}

TEST_CASE("a field list is an object by names or an array by position", "[rpc][json]") {
    const auto named = schema_of_fields<int, std::optional<bool>, std::string>({"a", "b", "c"});
    const auto hex = [&](std::string_view text) {
        auto bytes = json_to_fields(named, text);
        return bytes ? to_hex(*bytes) : bytes.error();
    };
    CHECK(hex(R"({"c": "x", "a": 1})") == "01 00 00 00 00 01 00 00 00 78");
    CHECK(hex(R"([1, null, "x"])") == "01 00 00 00 00 01 00 00 00 78");
    CHECK(hex(R"({"a": 1})") == "01 00 00 00");
    CHECK(hex("[]").empty());
    CHECK(hex("{}").empty());
    CHECK(hex(R"({"b": true})") == "$: expected a field \"a\", found only some behind it");
    CHECK(hex(R"({"d": true})") == "$: expected one of a, b, c, found \"d\"");
    CHECK(hex("[1, null, \"x\", 4]") == "$: expected an array of at most 3, found an array of 4");
    CHECK(hex("1") == "$: expected an object, found 1");
    CHECK(json_of(named, encoded(1)) == R"({"a": 1})");

    const auto unnamed = schema_of_fields<int, int>();
    CHECK(json_of(unnamed, encoded(1, 2)) == "[1, 2]");
    CHECK(json_of(schema_of_fields<>(), {}) == "[]");
    CHECK(json_to_fields(unnamed, "{}").error() == "$: expected an array of 2, found an object");
    CHECK(json_to_fields(schema_of_fields<>(), "{}")->empty());
}

TEST_CASE("what is not JSON for a type is refused with its place", "[rpc][json]") {
    CHECK(hex_of<everything>(R"({"flag": 1})") == "$.flag: expected true or false, found 1");
    CHECK(hex_of<std::uint8_t>("256") == "$: expected a u8, found 256");
    CHECK(hex_of<std::uint8_t>("-1") == "$: expected a u8, found -1");
    CHECK(hex_of<std::int8_t>("-129") == "$: expected an i8, found -129");
    CHECK(hex_of<std::int32_t>("1.5") == "$: expected an i32, found 1.5");
    CHECK(hex_of<std::uint64_t>("18446744073709551616") ==
          "$: expected a u64, found 1.8446744073709552e+19");
    CHECK(hex_of<float>("1e39") == "$: expected an f32, found 1e+39");
    CHECK(hex_of<std::vector<std::byte>>("\"AQI\"") ==
          "$: expected bytes in base64, found \"AQI\"");
    CHECK(hex_of<std::array<std::byte, 2>>("\"AQ==\"") ==
          "$: expected 2 bytes in base64, found \"AQ==\"");
    CHECK(hex_of<tree>(R"({"value": 1, "children": [{"value": 2}, {"value": "x"}]})") ==
          "$.children[1].value: expected an i32, found \"x\"");
    CHECK(hex_of<std::variant<int, bool>>("{\"2\": 1}") ==
          "$: expected an object such as {\"0\": ...} with one of 2 alternatives, found \"2\"");
    CHECK(hex_of<std::map<int, int>>("[[1, 2], [3]]") ==
          "$[1]: expected an array of 2, the key and what belongs to it, found an array of 1");
    CHECK(hex_of<std::string>(std::string("\"") + std::string(100, 'x')).find("parse error") !=
          std::string::npos);
    CHECK(hex_of<int>("\"" + std::string(100, 'x') + "\"").size() < 120);
}

TEST_CASE("JSON holds no open files", "[rpc][json]") {
    CHECK(hex_of<with_file>(R"({"file": 3})") ==
          "$.file: expected null, for JSON holds no open file, found 3");
    const auto empty = from_hex("0a 00 00 00  ff ff ff ff  01  ff ff ff ff  00");
    CHECK(json_of(schema_of<with_file>(), empty) == R"({"file": null, "more": [null]})");
    CHECK(hex_of<with_file>(R"({"file": null, "more": [null]})") ==
          "09 00 00 00 ff ff ff ff 01 ff ff ff ff");
    CHECK(json_of(schema_of<with_file>(), from_hex("04 00 00 00  00 00 00 00")) ==
          "error: file: JSON, which cannot hold an open file, does not take this value "
          "(at byte 4)");
}

TEST_CASE("bytes that are not what the schema says are refused", "[rpc][json][hostile]") {
    const auto whole = encoded(everything());
    for (std::size_t length = 1; length < whole.size(); ++length) {
        const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<long>(length));
        CHECK(json_of(schema_of<everything>(), cut).starts_with("error: "));
    }
    CHECK(json_of(schema_of<everything>(), {}) == "null");
    CHECK(json_of(schema_of<bool>(), from_hex("02")) ==
          "error: a bool is 2, neither 0 nor 1 (at byte 0)");
    CHECK(json_of(schema_of<std::string>(), counted(0xffff'ffff)) ==
          "error: a string takes 4294967295 bytes, but only 0 follow (at byte 4)");
    CHECK(json_of(schema_of<std::vector<std::tuple<>>>(), counted(0xffff'ffff)) ==
          "error: [32771]: a value brings the output to 1048736 bytes, but the limit is 1048704 "
          "(at byte 4)");
}

TEST_CASE("a hostile schema or nesting ends JSON early", "[rpc][json][hostile]") {
    const type_schema lists{{{node_kind::list, 0, {0}, {}}}};
    std::vector<std::byte> deep;
    for (int i = 0; i < 200; ++i) {
        const auto one = counted(1);
        deep.insert(deep.end(), one.begin(), one.end());
    }
    const std::string refused = json_of(lists, deep);
    CHECK(refused.ends_with("a value lies 129 deep, but the limit is 128 (at byte 512)"));
    CHECK_FALSE(json_to_fields(lists, std::string(500, '[') + std::string(500, ']')));
    CHECK_FALSE(json_to_fields(lists, std::string(1'000'000, '[')));
    CHECK(json_of({}, {}) == "error: a schema has no nodes");
    CHECK(json_to_fields({}, "1").error() == "a schema has no nodes");
}
