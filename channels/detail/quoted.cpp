// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>

#include <fmt/format.h>

#include <iterator>

namespace conduit {

std::string quoted(std::string_view text, std::size_t bytes_max) {
    const std::string_view shown = text.substr(0, bytes_max);
    std::string out = "'";
    for (const char c : shown) {
        if (c >= ' ' && c <= '~' && c != '\'' && c != '\\') {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
    out += '\'';
    if (shown.size() < text.size()) {
        fmt::format_to(std::back_inserter(out), " and {} more bytes", text.size() - shown.size());
    }
    return out;
}

}  // namespace conduit
