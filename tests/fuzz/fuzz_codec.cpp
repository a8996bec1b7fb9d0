// SPDX-License-Identifier: BSL-1.0
//
// The codec: whatever decodes within its limits encodes again to bytes that decode to the same, and
// whatever does not is refused with a sentence. The first byte chooses the type.

#include "require.hpp"

#include <conduit/rpc/codec.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace fuzz_codec {

struct tree {
    std::uint16_t value = 0;
    std::vector<tree> children;
    std::optional<std::string> note;
};

struct record {
    bool flag = false;
    std::string name;
    std::vector<double> numbers;
    std::map<std::string, std::variant<std::monostate, std::int32_t, tree>> map;
    std::chrono::seconds wait{};
    std::chrono::system_clock::time_point at;
};

struct mixed {
    std::vector<bool> bits;
    std::set<double> reals;
    std::list<std::tuple<std::uint8_t, std::string>> list;
    std::array<std::optional<std::optional<bool>>, 3> deep;
    std::vector<conduit::unique_fd> files;
    std::vector<std::tuple<>> nothings;
};

struct hashed {
    std::unordered_map<std::uint32_t, std::string> table;
    std::unordered_set<std::string> bag;
};

using big = std::vector<std::optional<std::array<char, 4096>>>;

}  // namespace fuzz_codec

namespace {

using namespace conduit::rpc;
using conduit::fuzz::require;

template <class... T>
std::vector<std::byte> encoded(T&... fields) {
    std::vector<std::byte> bytes(encoded_size(fields...));
    handle_list handles;
    encode_fields(bytes.data(), handles, fields...);
    require(handles.empty(), "a handle out of nothing");
    return bytes;
}

template <class... T>
void try_fields(std::span<const std::byte> bytes, bool in_order, T... fields) {
    const auto limits = decode_limits::for_message(bytes.size());
    const auto decoded = decode_fields(bytes, limits, {}, fields...);
    require(decoded.output_bytes() <= limits.output_bytes(), "more output than the limit");
    if (!decoded) {
        require(decoded.text().size() > 20, "a refusal without a reason");
        require(decoded.failure()->offset <= bytes.size(), "a place beyond the bytes");
        return;
    }
    const auto first = encoded(fields...);
    // What had been skipped no longer counts for the limits, so that they are those from before.
    std::tuple<T...> again;
    const auto same =
        std::apply([&](T&... each) { return decode_fields(first, limits, {}, each...); }, again);
    require(static_cast<bool>(same), "what was encoded does not decode");
    require(same.output_bytes() <= decoded.output_bytes(), "the same costs more the second time");
    const auto second = std::apply([](T&... each) { return encoded(each...); }, again);
    require(second.size() == first.size(), "the size changes on the way");
    require(!in_order || second == first, "the value changes on the way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fuzz_codec;
    if (size == 0) return 0;
    const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
    switch (data[0] % 6) {
        case 0: try_fields(bytes, true, tree()); break;
        case 1: try_fields(bytes, true, record()); break;
        case 2: try_fields(bytes, true, mixed()); break;
        case 3: try_fields(bytes, false, hashed()); break;
        case 4: try_fields(bytes, true, big()); break;
        case 5: try_fields(bytes, true, std::uint8_t{}, std::string(), record(), true); break;
    }
    return 0;
}
