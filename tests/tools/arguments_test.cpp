// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/arguments.hpp"

#include <conduit/rpc/codec.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using tool::arguments_to_json;

namespace {

using texts = std::vector<std::string>;

struct point {
    int x = 0;
    int y = 0;
};

template <class... T>
std::string json_for(std::initializer_list<std::string_view> names, const texts& words) {
    auto made = arguments_to_json(rpc::schema_of_fields<T...>(names), words);
    if (!made) return "refused: " + made.error();
    auto fits = rpc::json_to_fields(rpc::schema_of_fields<T...>(names), *made);
    return fits ? *made : *made + " does not fit: " + fits.error();
}

}  // namespace

TEST_CASE("words are read by the types of parameters", "[tools][arguments]") {
    CHECK(json_for<double, double>({"lhs", "rhs"}, {"1", "-2.5e3"}) == "[1,-2.5e3]");
    CHECK(json_for<double>({"x"}, {"NaN"}) == R"(["NaN"])");
    CHECK(json_for<bool, std::int8_t>({"sure", "n"}, {"true", "-5"}) == "[true,-5]");
    CHECK(json_for<std::uint64_t>({"n"}, {"18446744073709551615"}) == "[18446744073709551615]");
    CHECK(json_for<std::string, std::string>({"a", "b"}, {"two words", "\"5\""}) ==
          R"(["two words","\"5\""])");
    CHECK(json_for<std::string>({"a"}, {""}) == R"([""])");
    CHECK(json_for<std::vector<std::byte>>({"b"}, {"AAEC"}) == R"(["AAEC"])");
    CHECK(json_for<std::vector<std::byte>>({"b"}, {"1234"}) == R"(["1234"])");
    CHECK(json_for<std::chrono::milliseconds>({"t"}, {"1.5ms"}) == "[1500000]");
    CHECK(json_for<std::chrono::nanoseconds>({"t"}, {"17"}) == "[17]");
    CHECK(json_for<std::chrono::system_clock::time_point>({"t"}, {"2026-01-02T03:04:05Z"}) ==
          R"(["2026-01-02T03:04:05Z"])");
    CHECK(json_for<std::optional<std::string>>({"s"}, {"null"}) == "[null]");
    CHECK(json_for<std::optional<std::string>>({"s"}, {"5"}) == R"(["5"])");
}

TEST_CASE("what has parts is written as JSON", "[tools][arguments]") {
    CHECK(json_for<point, std::string>({"p", "s"}, {R"({"x": 1, "y": 2})", "s"}) ==
          R"([{"x": 1, "y": 2},"s"])");
    CHECK(json_for<std::vector<int>, int>({"list", "n"}, {"[1, 2]", "3"}) == "[[1, 2],3]");
    CHECK(json_for<std::vector<int>>({"list"}, {"list=[1, 2]"}) == R"({"list":[1, 2]})");
    CHECK(json_for<std::map<std::string, int>>({"all"}, {"all={\"a\": 1}"}) ==
          R"({"all":{"a": 1}})");
    CHECK(json_for<point, int>({"p", "n"}, {"1,2", "3"}) ==
          R"(refused: argument 1: p: expected JSON, found "1,2")");
}

TEST_CASE("parameters may be named, and those at the end left out", "[tools][arguments]") {
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"rhs=2", "lhs=1"}) == R"({"lhs":1,"rhs":2})");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"rhs=2", "1"}) == R"({"lhs":1,"rhs":2})");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"1"}) == "[1]");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {}) == "[]");
    CHECK(json_for<std::string>({"text"}, {"text=text=a"}) == R"({"text":"text=a"})");
    CHECK(json_for<std::string>({"text"}, {"other=a"}) == R"(["other=a"])");
    CHECK(json_for<std::string, int>({}, {"a=1", "2"}) == R"(["a=1",2])");
}

TEST_CASE("one word in brackets is all arguments", "[tools][arguments]") {
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"[1, 2]"}) == "[1, 2]");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {R"({"rhs": 2, "lhs": 1})"}) ==
          R"({"rhs": 2, "lhs": 1})");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"[1, 2"}) == "refused: the arguments are not JSON");
}

TEST_CASE("words that cannot be placed say why", "[tools][arguments]") {
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"1", "2", "3"}) ==
          "refused: argument 3: there are only 2 parameters: (lhs: i32, rhs: i32)");
    CHECK(json_for<>({}, {"1"}) == "refused: argument 1: there are only 0 parameters: ()");
    CHECK(json_for<int, int>({"lhs", "rhs"}, {"lhs=1", "lhs=2"}) ==
          R"(refused: argument 2: "lhs" is given twice)");
    CHECK(json_for<std::string>({"text"}, {"\xff"}) ==
          R"(refused: argument 1: text: expected text in UTF-8, found "\ufffd")");
    CHECK(json_for<double>({"x"}, {"two"}) ==
          R"(["two"] does not fit: $[0]: expected an f64, found "two")");
}
