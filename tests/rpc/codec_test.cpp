// SPDX-License-Identifier: BSL-1.0
//
// The codec: every type goes through it and comes out equal, structs grow at their ends, handles
// travel beside the bytes. What bytes made to hurt do to it is in codec_hostile_test.cpp.

#include <conduit/rpc/codec.hpp>
#include <conduit/runtime/task.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::testing;
using conduit::unique_fd;

namespace codec_test {

enum class colour : std::uint8_t { red, green = 200 };

struct empty {
    bool operator==(const empty&) const = default;
};

struct scalars {
    bool b = false;
    std::int8_t i8 = 0;
    std::uint16_t u16 = 0;
    std::int32_t i32 = 0;
    std::uint64_t u64 = 0;
    float f = 0;
    double d = 0;
    colour c = colour::red;
    char letter = 0;
    std::byte raw{};
    bool operator==(const scalars&) const = default;
};

struct containers {
    std::string text;
    std::vector<std::string> names;
    std::vector<bool> bits;
    std::vector<std::byte> bytes;
    std::vector<double> numbers;
    std::vector<colour> colours;
    std::array<std::string, 2> two;
    std::array<std::uint16_t, 3> three{};
    std::list<int> list;
    std::map<std::string, std::uint32_t> map;
    std::unordered_map<std::uint32_t, std::string> table;
    std::set<std::string> set;
    std::unordered_set<std::string> bag;
    std::vector<empty> empties;
    bool operator==(const containers&) const = default;
};

struct choices {
    std::optional<std::string> maybe;
    std::optional<std::optional<int>> perhaps;
    std::variant<std::monostate, std::string, scalars> either;
    std::tuple<int, std::string, empty> three;
    std::pair<double, std::optional<bool>> two;
    std::chrono::milliseconds span{};
    std::chrono::system_clock::time_point when;
    bool operator==(const choices&) const = default;
};

struct tree {
    std::uint32_t value = 0;
    std::vector<tree> children;
    bool operator==(const tree&) const = default;
};

struct move_only {
    unique_fd file;
    std::vector<unique_fd> more;
    std::map<std::string, std::optional<unique_fd>> named;
};

struct first_version {
    std::uint32_t id = 0;
    std::string name = "unnamed";
};
struct second_version {
    std::uint32_t id = 0;
    std::string name = "unnamed";
    std::vector<std::string> tags = {"new"};
    std::optional<double> weight = 1.5;
};

/// Keeps its number to itself.
class even {
public:
    even() = default;
    explicit even(std::uint32_t value) : half_(value / 2) {}
    std::uint32_t value() const { return half_ * 2; }

private:
    std::uint32_t half_ = 0;
};

class file_of_its_own {
public:
    file_of_its_own() = default;
    explicit file_of_its_own(unique_fd fd) : fd_(std::move(fd)) {}
    unique_fd take() { return std::move(fd_); }

private:
    unique_fd fd_;
};

}  // namespace codec_test

template <>
struct conduit::rpc::representation<codec_test::even> {
    using type = std::uint32_t;
    static type to_wire(const codec_test::even& value) { return value.value(); }
    static std::optional<codec_test::even> from_wire(type number) {
        if (number % 2 != 0) return std::nullopt;
        return codec_test::even(number);
    }
};

template <>
struct conduit::rpc::representation<codec_test::file_of_its_own> {
    using type = unique_fd;
    static type to_wire(codec_test::file_of_its_own& value) { return value.take(); }
    static std::optional<codec_test::file_of_its_own> from_wire(type fd) {
        return codec_test::file_of_its_own(std::move(fd));
    }
};

using namespace codec_test;

namespace {

/// What arrives of it.
template <class T>
T through(const T& value) {
    const auto bytes = encoded(value);
    T again{};
    const auto decoded = decode(bytes, again);
    INFO(decoded.text());
    CHECK(decoded);
    return again;
}

template <class T>
void check_through(const T& value) {
    CHECK(through(value) == value);
}

containers full_containers() {
    containers all;
    all.text = std::string("with a \0 in it", 14);
    all.names = {"", "a name too long for the small string", "b"};
    all.bits = {true, false, true, true, false, false, true, true, true};
    all.bytes = {std::byte{0}, std::byte{255}};
    all.numbers = {1.5, -0.0, std::numeric_limits<double>::infinity()};
    all.colours = {colour::green, static_cast<colour>(77)};
    all.two = {"first", "second"};
    all.three = {1, 2, 65535};
    all.list = {-1, 0, 1};
    all.map = {{"one", 1}, {"two", 2}};
    all.table = {{7, "seven"}, {8, "eight"}};
    all.set = {"p", "q"};
    all.bag = {"r", "s", "t"};
    all.empties.resize(5);
    return all;
}

}  // namespace

TEST_CASE("scalars go through the codec", "[rpc][codec]") {
    check_through(scalars());
    check_through(scalars{true, -128, 65535, std::numeric_limits<std::int32_t>::min(),
                          std::numeric_limits<std::uint64_t>::max(), 1.25F, -1e300, colour::green,
                          'x', std::byte{0x5a}});
    check_through(static_cast<colour>(99));  // enums are open
    check_through(std::numeric_limits<long>::min());
    check_through(std::numeric_limits<unsigned long long>::max());
    check_through(char32_t{0x1f600});
    check_through(true);
    const double nan = through(std::numeric_limits<double>::quiet_NaN());
    CHECK(nan != nan);
}

TEST_CASE("containers go through the codec", "[rpc][codec]") {
    check_through(containers());
    check_through(full_containers());
    check_through(std::vector<std::vector<std::string>>{{}, {"a"}, {"b", "c"}});
    check_through(std::map<std::pair<int, std::string>, std::vector<empty>>{{{1, "x"}, {{}, {}}}});
    check_through(std::vector<containers>(3, full_containers()));
}

TEST_CASE("one of several goes through the codec", "[rpc][codec]") {
    check_through(choices());
    choices all;
    all.maybe = "there";
    all.perhaps.emplace(std::nullopt);
    all.either = scalars{};
    all.three = {3, "three", {}};
    all.two = {0.5, false};
    all.span = std::chrono::hours(-3);
    all.when += std::chrono::hours(24 * 365 * 50);
    check_through(all);
    all.perhaps.emplace(5);
    all.either = "text";
    check_through(all);
    check_through(std::monostate());
    check_through(std::tuple<>());
    check_through(std::vector<std::tuple<>>(1000));
}

TEST_CASE("a type that contains itself goes through the codec", "[rpc][codec]") {
    STATIC_REQUIRE(codable<tree>);
    STATIC_REQUIRE_FALSE(contains_handles_v<tree>);
    check_through(tree{1, {{2, {{3, {}}}}, {4, {}}}});
}

TEST_CASE("durations saturate, and forever is forever in every unit", "[rpc][codec]") {
    using namespace std::chrono;
    CHECK(through(hours::max()) == hours::max());
    CHECK(through(hours::min()) == hours::min());
    CHECK(through(nanoseconds::max()) == nanoseconds::max());
    CHECK(through(system_clock::time_point::max()) == system_clock::time_point::max());
    CHECK(through(duration<double>(0.25)) == duration<double>(0.25));
    nanoseconds fine{};
    CHECK(decode(encoded(hours::max()), fine));
    CHECK(fine == nanoseconds::max());
    CHECK(decode(encoded(seconds(-2)), fine));
    CHECK(fine == seconds(-2));
    seconds coarse{};
    CHECK(decode(encoded(milliseconds(-1999)), coarse));
    CHECK(coarse == seconds(-1));
}

TEST_CASE("several fields are encoded one behind the other", "[rpc][codec]") {
    const auto bytes = encoded(std::uint16_t{1}, std::string("ab"), true);
    CHECK(to_hex(bytes) == "01 00 02 00 00 00 61 62 01");
    std::uint16_t number = 0;
    std::string text;
    bool flag = false;
    CHECK(decode(bytes, number, text, flag));
    CHECK(number == 1);
    CHECK(text == "ab");
    CHECK(flag);
    CHECK(encoded().empty());
    CHECK(decode({}));
}

TEST_CASE("a struct may grow at its end", "[rpc][codec][evolution]") {
    SECTION("an older reader skips what it does not know") {
        const auto bytes = encoded(second_version{7, "seven", {"a", "b"}, 2.5}, true);
        first_version old;
        bool behind = false;
        CHECK(decode(bytes, old, behind));
        CHECK(old.id == 7);
        CHECK(old.name == "seven");
        CHECK(behind);
    }
    SECTION("a newer reader keeps its defaults") {
        const auto bytes = encoded(first_version{7, "seven"}, true);
        second_version current;
        bool behind = false;
        CHECK(decode(bytes, current, behind));
        CHECK(current.name == "seven");
        CHECK(current.tags == std::vector<std::string>{"new"});
        CHECK(current.weight == 1.5);
        CHECK(behind);
    }
    SECTION("inside a container too") {
        const auto bytes = encoded(std::vector<first_version>{{1, "x"}, {2, "y"}});
        std::vector<second_version> current;
        CHECK(decode(bytes, current));
        REQUIRE(current.size() == 2);
        CHECK(current[1].name == "y");
        CHECK(current[1].weight == 1.5);
        std::vector<first_version> old;
        CHECK(decode(encoded(current), old));
        CHECK(old.at(1).id == 2);
    }
}

TEST_CASE("a field list may grow at its end", "[rpc][codec][evolution]") {
    int a = 1;
    std::string b = "default";
    CHECK(decode(encoded(5), a, b));
    CHECK(a == 5);
    CHECK(b == "default");
    CHECK(decode(encoded(6, std::string("b"), 7.0, true), a, b));
    CHECK(a == 6);
    CHECK(b == "b");
}

TEST_CASE("handles travel beside the bytes, each once", "[rpc][codec][handles]") {
    STATIC_REQUIRE(contains_handles_v<move_only>);
    STATIC_REQUIRE_FALSE(contains_handles_v<containers>);
    move_only sent;
    sent.file = unique_fd(1'000'001);
    sent.more.push_back(unique_fd(1'000'002));
    sent.more.emplace_back();
    sent.named["x"] = unique_fd(1'000'003);
    sent.named["y"];

    std::vector<std::byte> bytes(encoded_size(sent));
    handle_list handles;
    encode_fields(bytes.data(), handles, sent);
    CHECK_FALSE(sent.file.is_open());
    REQUIRE(handles.size() == 3);

    move_only got;
    CHECK(decode_fields(bytes, {}, handles, got));
    CHECK(got.file.release() == 1'000'001);
    REQUIRE(got.more.size() == 2);
    CHECK(got.more[0].release() == 1'000'002);
    CHECK_FALSE(got.more[1].is_open());
    CHECK(got.named.at("x")->release() == 1'000'003);
    CHECK_FALSE(got.named.at("y").has_value());
}

TEST_CASE("a type may say what it is sent as", "[rpc][codec]") {
    CHECK(through(even(46)).value() == 46);
    CHECK(to_hex(encoded(even(46))) == "2e 00 00 00");
    CHECK(through(std::vector<even>{even(2), even(4)}).at(1).value() == 4);

    std::vector<even> refused;
    const auto decoded = decode(from_hex("02 00 00 00  02 00 00 00  03 00 00 00"), refused);
    CHECK(decoded.code() == decode_errc::bad_value);
    CHECK(decoded.text() == "0[1]: the receiving type does not take this value (at byte 8)");

    file_of_its_own sent(unique_fd(1'000'001));
    std::vector<std::byte> bytes(encoded_size(sent));
    handle_list handles;
    encode_fields(bytes.data(), handles, sent);
    file_of_its_own got;
    CHECK(decode_fields(bytes, {}, handles, got));
    CHECK(got.take().release() == 1'000'001);
}

TEST_CASE("what can be sent is known beforehand", "[rpc][codec]") {
    STATIC_REQUIRE(codable<choices>);
    STATIC_REQUIRE(codable<move_only>);
    STATIC_REQUIRE(codable<even>);
    STATIC_REQUIRE_FALSE(codable<int&>);
    STATIC_REQUIRE_FALSE(codable<const char*>);
    STATIC_REQUIRE_FALSE(codable<std::string_view>);
    STATIC_REQUIRE_FALSE(codable<std::vector<std::span<int>>>);
    STATIC_REQUIRE_FALSE(codable<std::unique_ptr<int>>);
    STATIC_REQUIRE_FALSE(codable<std::optional<std::shared_ptr<int>>>);
    STATIC_REQUIRE_FALSE(codable<long double>);
    STATIC_REQUIRE_FALSE(codable<wchar_t>);
    STATIC_REQUIRE_FALSE(codable<std::deque<int>>);  // an empty one takes 600 bytes
    STATIC_REQUIRE_FALSE(codable<std::chrono::steady_clock::time_point>);
    STATIC_REQUIRE_FALSE(codable<conduit::task<int>>);
    struct with_pointer {
        int* p = nullptr;
    };
    STATIC_REQUIRE_FALSE(codable<std::map<int, with_pointer>>);
    struct with_const {
        const int x = 0;
    };
    STATIC_REQUIRE_FALSE(codable<with_const>);
    union both {
        int x;
        float y;
    };
    STATIC_REQUIRE_FALSE(codable<both>);
}
