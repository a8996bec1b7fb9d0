// SPDX-License-Identifier: BSL-1.0
//
// What a byte on the wire can cost in memory. The shapes that are worst for their size are decoded
// with allocators that count, the result is held against what was charged, and against the table in
// docs/reference/encoding.md.

#include <conduit/rpc/codec.hpp>

#include "encoded.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <new>
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

namespace codec_memory_test {

/// What glibc's malloc takes, summed up while values are decoded.
inline std::uint64_t taken = 0;

template <class T>
struct counting {
    using value_type = T;
    counting() = default;
    template <class U>
    counting(const counting<U>&) {}
    T* allocate(std::size_t count) {
        const std::uint64_t chunk = (count * sizeof(T) + 8 + 15) / 16 * 16;
        taken += chunk < 32 ? 32 : chunk;
        return std::allocator<T>().allocate(count);
    }
    void deallocate(T* memory, std::size_t count) { std::allocator<T>().deallocate(memory, count); }
    bool operator==(const counting&) const = default;
};

template <class T>
using vector = std::vector<T, counting<T>>;
template <class T>
using list = std::list<T, counting<T>>;
using string = std::basic_string<char, std::char_traits<char>, counting<char>>;
template <class K>
using set = std::set<K, std::less<K>, counting<K>>;
template <class K>
using bag = std::unordered_set<K, std::hash<K>, std::equal_to<K>, counting<K>>;
template <class K, class V>
using map = std::map<K, V, std::less<K>, counting<std::pair<const K, V>>>;
template <class K, class V>
using table =
    std::unordered_map<K, V, std::hash<K>, std::equal_to<K>, counting<std::pair<const K, V>>>;

struct empty {};
struct wide {
    string a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
    string q, r, s, t, u, v, w, x, y, z, a1, b1, c1, d1, e1, f1;
};

/// Some bytes, what they cost, and what was charged for it.
struct cost {
    std::size_t wire = 0;
    std::uint64_t memory = 0;
    std::uint64_t charged = 0;
    bool accepted = false;
};

/// One shape: a number of units of it, and decoding them.
struct shape {
    std::string name;
    std::string unit;  // hexadecimal; "" when a unit takes no bytes; "#" for a u16 that counts
    std::function<cost(const std::vector<std::byte>&, const decode_limits&)> decode;
};

template <class T>
cost decode_as(const std::vector<std::byte>& bytes, const decode_limits& limits) {
    taken = 0;
    T value;
    const auto decoded = decode_fields(bytes, limits, {}, value);
    return {bytes.size(), taken, decoded.output_bytes(), static_cast<bool>(decoded)};
}

template <class T>
shape of(std::string name, std::string unit) {
    return {std::move(name), std::move(unit), decode_as<T>};
}

std::vector<shape> shapes() {
    using nothing = std::tuple<>;
    return {
        of<vector<std::optional<std::array<char, 4096>>>>("optional of 4096 bytes, none", "00"),
        of<vector<std::variant<std::monostate, std::array<double, 64>>>>(
            "variant with 64 doubles, none of them", "00"),
        of<vector<wide>>("struct of 32 strings, empty", "00000000"),
        of<list<nothing>>("list of tuples, no bytes each", ""),
        of<vector<nothing>>("vector of tuples, no bytes each", ""),
        of<set<std::uint16_t>>("set of u16", "#"),
        of<bag<std::uint16_t>>("table of u16", "#"),
        of<list<std::uint8_t>>("list of u8", "00"),
        of<vector<map<int, int>>>("map, empty", "00000000"),
        of<vector<table<int, int>>>("table, empty", "00000000"),
        of<vector<vector<std::byte>>>("vector of 1 byte", "0100000000"),
        of<vector<string>>("string, empty", "00000000"),
        of<vector<string>>("string of 16", "10000000" + std::string(32, '0')),
        of<vector<empty>>("struct without members", "00000000"),
        of<vector<bool>>("vector of bool", "01"),
        of<vector<std::uint32_t>>("block of u32", "00000000"),
    };
}

std::vector<std::byte> repeat(const shape& it, std::uint32_t count) {
    auto bytes = counted(count);
    const auto unit = it.unit == "#" ? from_hex("0000") : from_hex(it.unit);
    bytes.resize(4 + unit.size() * count);
    for (std::uint32_t i = 0; i < count && !unit.empty(); ++i) {
        std::byte* const at = bytes.data() + 4 + i * unit.size();
        std::memcpy(at, unit.data(), unit.size());
        if (it.unit == "#") std::memcpy(at, &i, 2);
    }
    return bytes;
}

std::map<std::string, std::string> published() {
    std::ifstream in(std::string(CONDUIT_SOURCE_DIR) + "/docs/reference/encoding.md");
    std::map<std::string, std::string> found;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            inside = line == "```amplification";
        } else if (inside) {
            const std::size_t colon = line.rfind(": ");
            found[line.substr(0, colon)] = line.substr(colon + 2);
        }
    }
    return found;
}

}  // namespace codec_memory_test

using namespace codec_memory_test;

TEST_CASE("no shape takes more memory than it is charged", "[rpc][codec][hostile]") {
    const auto unlimited = decode_limits()
                               .output_bytes(std::numeric_limits<std::size_t>::max() / 2)
                               .elements(1'000'000);
    for (const shape& it : shapes()) {
        for (const std::uint32_t count : {0U, 1U, 2U, 7U, 100U, 10'000U}) {
            const cost paid = it.decode(repeat(it, count), unlimited);
            CAPTURE(it.name, count);
            REQUIRE(paid.accepted);
            CHECK(paid.memory <= paid.charged);
            CHECK(paid.charged <= paid.memory + paid.memory / 2 + 128);  // nor is it charged twice
        }
    }
}

TEST_CASE("encoding.md states the worst amplification of each shape", "[rpc][codec][docs]") {
    const auto unlimited =
        decode_limits().output_bytes(std::numeric_limits<std::size_t>::max() / 2);
    const auto shown = published();
    for (const shape& it : shapes()) {
        const cost paid = it.decode(repeat(it, 10'000), unlimited);
        const std::string stated =
            it.unit.empty() ? "unbounded, " + std::to_string(paid.memory / 10'000) + " per element"
                            : std::to_string(paid.memory / (paid.wire - 4));
        CAPTURE(it.name);
        CHECK((shown.contains(it.name) ? shown.at(it.name) : "not in the document") == stated);
    }
    CHECK(shown.size() == shapes().size());
}

TEST_CASE("no message takes more than 1 MiB and 32 times its bytes", "[rpc][codec][hostile]") {
    constexpr std::uint64_t mebi = 1U << 20;
    std::uint64_t worst_of_tiny = 0;
    std::uint64_t worst_of_large = 0;  // in hundredths of the bytes on the wire
    for (const shape& it : shapes()) {
        const std::size_t unit = it.unit == "#" ? 2 : it.unit.size() / 2;
        for (std::uint32_t count = 1; count * unit <= 2 * mebi && count <= mebi; count *= 2) {
            if (it.unit == "#" && count > 65'536) break;
            const auto bytes = repeat(it, count);
            const cost paid = it.decode(bytes, decode_limits::for_message(bytes.size()));
            CAPTURE(it.name, count);
            CHECK(paid.memory <= mebi + 32 * paid.wire);
            if (!paid.accepted) continue;
            if (paid.wire <= 64) worst_of_tiny = std::max(worst_of_tiny, paid.memory);
            if (paid.wire < mebi) continue;
            worst_of_large = std::max(worst_of_large, paid.memory * 100 / paid.wire);
        }
    }
    CHECK(worst_of_tiny <= mebi);
    CHECK(worst_of_tiny > mebi / 2 - 64);  // the search finds what comes near the limit
    CHECK(worst_of_large <= 3300);
    CHECK(worst_of_large > 1000);
}
