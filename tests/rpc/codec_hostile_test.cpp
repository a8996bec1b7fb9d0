// SPDX-License-Identifier: BSL-1.0
//
// Bytes made to hurt: cut short, counts out of all proportion, nesting, duplicates, flags that are
// none, handles that did not come. Each ends in a failure that says where, and none takes memory
// beyond the limits. codec_memory_test.cpp measures the memory.

#include <conduit/rpc/codec.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <list>
#include <map>
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

namespace codec_hostile_test {

struct point {
    std::uint32_t x = 0;
    std::string label;
};

struct everything {
    std::uint16_t number = 1;
    std::vector<point> points = {{1, "a"}, {2, "bc"}};
    std::map<std::string, std::optional<bool>> map = {{"k", true}, {"l", std::nullopt}};
    std::variant<std::monostate, std::string, std::pair<int, double>> either = std::string("x");
    std::vector<bool> bits = {true, false};
    std::list<std::set<std::uint8_t>> sets = {{1, 2}, {3}};
    std::vector<std::uint64_t> block = {1, 2, 3};
};

struct nested {
    std::vector<nested> inner;
};

}  // namespace codec_hostile_test

using namespace codec_hostile_test;

namespace {

template <class T>
decode_result decode_one(const std::vector<std::byte>& bytes, const decode_limits& limits) {
    T value{};
    return decode_fields(bytes, limits, {}, value);
}

template <class T>
decode_result decode_one(const std::vector<std::byte>& bytes) {
    return decode_one<T>(bytes, decode_limits::for_message(bytes.size()));
}

template <class T>
std::string text_of(std::string_view hex) {
    return decode_one<T>(from_hex(hex)).text();
}

// A count with nothing behind it, and with a few bytes.
template <class T>
void check_counts() {
    CHECK(decode_one<T>(counted(0)));
    for (const std::uint32_t count :
         {1U, 999'999U, 1'000'000U, 1'000'001U, 0x8000'0000U, 0xffff'fffeU, 0xffff'ffffU}) {
        CAPTURE(count);
        CHECK(decode_one<T>(counted(count)).code() == decode_errc::truncated);
        if (count > 12) {
            CHECK(decode_one<T>(counted(count, 12)).code() == decode_errc::truncated);
        }
    }
}

std::vector<std::byte> nest(std::size_t depth) {
    std::vector<std::byte> bytes = encoded(nested());
    for (std::size_t i = 1; i < depth; ++i) {
        std::vector<std::byte> outer =
            encoded(static_cast<std::uint32_t>(4 + bytes.size()), std::uint32_t{1});
        outer.insert(outer.end(), bytes.begin(), bytes.end());
        bytes = std::move(outer);
    }
    return bytes;
}

}  // namespace

TEST_CASE("no truncation of a message is more than a failure", "[rpc][codec][hostile]") {
    const auto bytes = encoded(everything());
    REQUIRE(decode_one<everything>(bytes));
    for (std::size_t length = 1; length < bytes.size(); ++length) {
        const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<long>(length));
        CAPTURE(length);
        CHECK(decode_one<everything>(cut).code() == decode_errc::truncated);
    }
    CHECK(decode_one<everything>({}));  // the field itself was not there yet
}

TEST_CASE("a struct cut short keeps the fields that are whole", "[rpc][codec][hostile]") {
    const auto whole = encoded(everything());
    std::size_t good = 0;
    for (std::uint32_t length = 0; length <= whole.size() - 4; ++length) {
        auto cut = encoded(length);
        cut.insert(cut.end(), whole.begin() + 4, whole.begin() + 4 + length);
        const auto decoded = decode_one<everything>(cut);
        if (decoded) ++good;
        if (!decoded) CHECK(decoded.code() == decode_errc::truncated);
    }
    CHECK(good == 8);  // after each of the seven fields, and before the first
}

TEST_CASE("every flip of one or two bits decodes or fails", "[rpc][codec][hostile]") {
    const auto bytes = encoded(everything());
    const std::size_t bits = bytes.size() * 8;
    std::size_t failed = 0;
    const auto flipped = [&](std::size_t a, std::size_t b) {
        auto copy = bytes;
        copy[a / 8] ^= std::byte{1} << (a % 8);
        if (a != b) copy[b / 8] ^= std::byte{1} << (b % 8);
        if (!decode_one<everything>(copy)) ++failed;
    };
    for (std::size_t a = 0; a < bits; ++a) flipped(a, a);
    for (std::size_t a = 0; a < bits; a += 3) {
        for (std::size_t b = a + 1; b < bits; b += 7) flipped(a, b);
    }
    CHECK(failed > 1000);
}

TEST_CASE("a count beyond the bytes that are left is refused", "[rpc][codec][hostile]") {
    check_counts<std::string>();
    check_counts<std::vector<std::byte>>();
    check_counts<std::vector<bool>>();
    check_counts<std::vector<double>>();
    check_counts<std::vector<std::string>>();
    check_counts<std::vector<point>>();
    check_counts<std::list<std::uint8_t>>();
    check_counts<std::map<std::uint8_t, std::uint8_t>>();
    check_counts<std::unordered_map<std::string, point>>();
    check_counts<std::set<std::uint16_t>>();
    check_counts<std::unordered_set<std::string>>();
    check_counts<std::vector<std::vector<std::optional<int>>>>();
}

TEST_CASE("a struct's length beyond the bytes that are left is refused", "[rpc][codec][hostile]") {
    for (const std::uint32_t length : {1U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU}) {
        CHECK(decode_one<point>(encoded(length)).code() == decode_errc::truncated);
    }
    CHECK(text_of<point>("08 00 00 00  01 00 00 00") ==
          "0: a struct takes 8 bytes, but only 4 follow (at byte 0)");
}

TEST_CASE("elements that take no bytes are limited all the same", "[rpc][codec][hostile]") {
    using nothing = std::vector<std::tuple<>>;
    CHECK(decode_one<nothing>(counted(1'000'000)));
    const auto refused = decode_one<nothing>(counted(1'000'001));
    CHECK(refused.code() == decode_errc::too_many_elements);
    CHECK(refused.text() ==
          "0: a vector brings the elements to 1000001, but the limit is 1000000 (at byte 0)");
    CHECK(decode_one<nothing>(counted(0xffff'ffff)).code() == decode_errc::too_many_elements);
}

TEST_CASE("a million tiny fields stay within the elements of one message",
          "[rpc][codec][hostile]") {
    using tiny = std::vector<std::vector<std::tuple<>>>;
    tiny all(1000, std::vector<std::tuple<>>(999));
    CHECK(decode_one<tiny>(encoded(all)));
    all.emplace_back();
    const auto refused = decode_one<tiny>(encoded(all));
    CHECK(refused.code() == decode_errc::too_many_elements);
    CHECK(refused.failure()->path == "0[999]");
}

TEST_CASE("output is charged to the byte", "[rpc][codec][hostile]") {
    const std::vector<std::byte> bytes = encoded(std::vector<std::string>{
        "a string too long to lie within", "short", "another string that is too long"});
    const auto cost = decode_one<std::vector<std::string>>(bytes).output_bytes();
    CHECK(cost >= 3 * sizeof(std::string) + 64);
    const auto limits = [](std::size_t n) { return decode_limits().output_bytes(n); };
    CHECK(decode_one<std::vector<std::string>>(bytes, limits(cost)));
    const auto refused = decode_one<std::vector<std::string>>(bytes, limits(cost - 1));
    CHECK(refused.code() == decode_errc::too_much_output);
    CHECK(refused.failure()->path == "0[2]");
    CHECK(refused.failure()->wanted == cost);
    CHECK(refused.failure()->limit == cost - 1);
}

TEST_CASE("elements are counted to the last one", "[rpc][codec][hostile]") {
    const auto bytes = encoded(std::vector<std::set<int>>{{1, 2}, {3}});
    CHECK(decode_one<std::vector<std::set<int>>>(bytes, decode_limits().elements(5)));
    const auto refused = decode_one<std::vector<std::set<int>>>(bytes, decode_limits().elements(4));
    CHECK(refused.text() ==
          "0[1]: a set brings the elements to 5, but the limit is 4 (at byte 16)");
    CHECK(decode_one<std::vector<int>>(encoded(std::vector<int>(50)), decode_limits().elements(0)));
}

TEST_CASE("nesting ends at the limit", "[rpc][codec][hostile]") {
    CHECK(decode_one<nested>(nest(32)));
    const auto refused = decode_one<nested>(nest(33));
    CHECK(refused.code() == decode_errc::too_deep);
    CHECK(refused.text().ends_with(
        "inner[0].inner[0]: a struct lies 33 deep, but the limit is 32 (at byte 256)"));
    CHECK(decode_one<nested>(nest(20'000)).code() == decode_errc::too_deep);
    CHECK(decode_one<nested>(nest(3), decode_limits().depth(2)).code() == decode_errc::too_deep);
    CHECK(decode_one<nested>(encoded(std::vector<nested>(100))));  // wide is not deep
}

TEST_CASE("a key comes once", "[rpc][codec][hostile]") {
    using set = std::set<std::uint8_t>;
    CHECK(decode_one<set>(from_hex("03 00 00 00 07 01 05")));  // in any order
    CHECK(text_of<set>("03 00 00 00 07 01 07") ==
          "0[2]: a key at position 2 of 3 is there already, or is NaN (at byte 6)");
    using table = std::unordered_map<std::uint8_t, std::uint8_t>;
    CHECK(decode_one<table>(from_hex("02 00 00 00 01 01 01 02")).code() == decode_errc::bad_key);
    CHECK(decode_one<std::map<std::string, int>>(
              encoded(std::vector<std::pair<std::string, int>>{{"a", 1}, {"a", 1}}))
              .code() == decode_errc::bad_key);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(decode_one<std::set<double>>(encoded(std::vector<double>{1, nan})).code() ==
          decode_errc::bad_key);
}

TEST_CASE("keys made to collide are refused before they take long", "[rpc][codec][hostile]") {
    using set = std::unordered_set<std::uint64_t>;
    constexpr std::size_t count = 100'000;
    set sized;
    sized.reserve(count);
    std::vector<std::uint64_t> keys(count);
    for (std::size_t i = 0; i < count; ++i) keys[i] = i * sized.bucket_count();
    const auto refused = decode_one<set>(encoded(keys));
    CHECK(refused.code() == decode_errc::colliding_keys);
    CHECK(refused.failure()->wanted < 2'000'000);  // comparisons; 5'000'000'000 otherwise

    for (std::size_t i = 0; i < count; ++i) keys[i] = i * 4096;
    CHECK(decode_one<set>(encoded(keys)));
}

TEST_CASE("a bool is 0 or 1", "[rpc][codec][hostile]") {
    CHECK(text_of<bool>("02") == "0: a bool is 2, neither 0 nor 1 (at byte 0)");
    CHECK(text_of<std::vector<bool>>("02 00 00 00 01 ff") ==
          "0[1]: a bool is 255, neither 0 nor 1 (at byte 5)");
    CHECK(text_of<std::optional<int>>("02 01 00 00 00") ==
          "0: the presence of an optional is 2, neither 0 nor 1 (at byte 0)");
}

TEST_CASE("a variant has the alternatives that it has", "[rpc][codec][hostile]") {
    using either = std::variant<std::monostate, int>;
    CHECK(decode_one<either>(from_hex("00")));
    CHECK(text_of<either>("02 00 00 00 00") ==
          "0: a variant says alternative 2, but there are 2 (at byte 0)");
    CHECK(text_of<either>("01 00 00") ==
          "0: a number takes 4 bytes, but only 2 follow (at byte 1)");
}

TEST_CASE("the place of a failure is a path of names and positions", "[rpc][codec][hostile]") {
    everything value;
    auto bytes = encoded(value, std::string("second"));
    bytes[4 + 2 + 4 + 4 + 4] = std::byte{0xff};  // the size of the first label
    std::string second;
    const auto decoded = decode(bytes, value, second);
    CHECK(decoded.failure()->path == "0.points[0].label");
}

TEST_CASE("handles and fields must agree", "[rpc][codec][hostile][handles]") {
    const auto decode_handles = [](std::string_view hex, std::size_t sent) {
        handle_list handles;
        for (std::size_t i = 0; i < sent; ++i)
            handles.emplace_back(1'000'000 + static_cast<int>(i));
        std::vector<unique_fd> got;
        const auto bytes = from_hex(hex);
        const auto decoded = decode_fields(bytes, {}, handles, got);
        for (auto& each : got) static_cast<void>(each.release());
        for (auto& each : handles) static_cast<void>(each.release());
        return decoded.text();
    };
    CHECK(decode_handles("02 00 00 00  00 00 00 00  01 00 00 00", 2).empty());
    CHECK(decode_handles("02 00 00 00  01 00 00 00  00 00 00 00", 2).empty());
    CHECK(decode_handles("01 00 00 00  ff ff ff ff", 0).empty());
    CHECK(decode_handles("01 00 00 00  00 00 00 00", 0) ==
          "0[0]: a handle has number 0, but 0 came, each to be used once (at byte 4)");
    CHECK(decode_handles("02 00 00 00  00 00 00 00  00 00 00 00", 2) ==
          "0[1]: a handle has number 0, but 2 came, each to be used once (at byte 8)");
    CHECK(decode_handles("01 00 00 00  00 00 00 80", 1) ==
          "0[0]: a handle has number 2147483648, but 1 came, each to be used once (at byte 4)");
    CHECK(decode_handles("01 00 00 00  00 00 00 00", 3) ==
          "3 handles came, but the fields took 1 (at byte 8)");
    CHECK(decode_handles("", 1) == "1 handles came, but the fields took 0 (at byte 0)");
}
