// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/utf8.hpp>

#include <cstddef>
#include <cstdint>

namespace conduit::rpc::detail {
namespace {

// How many bytes the character takes; 0 for what is none.
std::size_t length_of(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2) return 0;
    if (first < 0xe0) return 2;
    if (first < 0xf0) return 3;
    return first < 0xf5 ? 4 : 0;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t length = length_of(first);
        if (length == 0 || length > text.size() - i) return false;
        std::uint32_t character = length == 1 ? first : first & (0x7fU >> length);
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xc0U) != 0x80U) return false;
            character = character << 6 | (next & 0x3fU);
        }
        const bool is_surrogate = character >= 0xd800 && character < 0xe000;
        if (character < least[length] || is_surrogate || character > 0x10ffff) return false;
        i += length;
    }
    return true;
}

}  // namespace conduit::rpc::detail
