// SPDX-License-Identifier: BSL-1.0
//
// A path in a message: between quotes, and with nothing in it that could harm a terminal.

#pragma once

#include <string>
#include <string_view>

namespace word_count {

/// 'a\x0ab': control bytes as \xNN.
inline std::string printable(std::string_view path) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "'";
    for (const char each : path) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte >= 0x20 && byte != 0x7f) {
            text.push_back(each);
        } else {
            text.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
        }
    }
    return text + "'";
}

}  // namespace word_count
