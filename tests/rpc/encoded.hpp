// SPDX-License-Identifier: BSL-1.0
//
// What the tests of the codec share: values to bytes and back, and bytes as people write them.

#pragma once

#include <conduit/rpc/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::testing {

template <class... T>
std::vector<std::byte> encoded(const T&... fields) {
    // Behind them lies what must not be written.
    std::vector<std::byte> bytes(encoded_size(fields...) + 8, std::byte{0xa5});
    encode_fields(bytes.data(), fields...);
    for (std::size_t i = 0; i < 8; ++i) {
        if (bytes.back() != std::byte{0xa5}) return {};
        bytes.pop_back();
    }
    return bytes;
}

template <class... T>
decode_result decode(const std::vector<std::byte>& bytes, T&... into) {
    return decode_fields(bytes, decode_limits::for_message(bytes.size()), {}, into...);
}

/// "01 02 ff", with what is no hexadecimal digit left out.
inline std::vector<std::byte> from_hex(std::string_view text) {
    std::vector<std::byte> bytes;
    int high = -1;
    for (const char c : text) {
        const auto digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) continue;
        if (high < 0) {
            high = static_cast<int>(digit);
        } else {
            bytes.push_back(static_cast<std::byte>(high * 16 + static_cast<int>(digit)));
            high = -1;
        }
    }
    return bytes;
}

inline std::string to_hex(const std::vector<std::byte>& bytes) {
    std::string text;
    for (const std::byte each : bytes) {
        if (!text.empty()) text += ' ';
        text += "0123456789abcdef"[std::to_integer<unsigned>(each) / 16];
        text += "0123456789abcdef"[std::to_integer<unsigned>(each) % 16];
    }
    return text;
}

/// A count as the wire has it, and what follows.
inline std::vector<std::byte> counted(std::uint32_t count, std::size_t bytes_behind = 0) {
    std::vector<std::byte> bytes = encoded(count);
    bytes.resize(bytes.size() + bytes_behind);
    return bytes;
}

}  // namespace conduit::rpc::testing
