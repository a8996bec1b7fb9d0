// SPDX-License-Identifier: BSL-1.0
#include "printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace conduit::tool {
namespace {

struct character {
    std::uint32_t code = 0;
    std::size_t bytes = 1;
    bool is_valid = false;
};

/// The first character of `text` as UTF-8 (RFC 3629): no overlong forms, no surrogates.
character first_of(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {lead, 1, false};
    std::uint32_t code = lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return {lead, 1, false};
        code = code << 6U | (byte(i) & 0x3fU);
    }
    const bool is_overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool is_outside = (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff;
    if (is_overlong || is_outside) return {lead, 1, false};
    return {code, size, true};
}

bool is_harmless(std::uint32_t code) noexcept {
    const auto is_in = [code](std::uint32_t first, std::uint32_t last) {
        return code >= first && code <= last;
    };
    if (is_in(0, 0x1f) || is_in(0x7f, 0x9f)) return false;
    // What turns the direction of text, and line ends that are none to others.
    const bool turns = code == 0x61c || is_in(0x200b, 0x200f) || is_in(0x2028, 0x202e) ||
                       is_in(0x2060, 0x206f) || code == 0xfeff;
    return !turns && !is_in(0xfff9, 0xfffb) && !is_in(0xe0000, 0xe0fff);
}

/// `escape(character)` writes what stands for one that is not shown.
template <class Escape>
std::string escaped(std::string_view text, Escape escape) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const character next = first_of(text);
        if (next.is_valid && is_harmless(next.code)) {
            shown += text.substr(0, next.bytes);
        } else {
            escape(next, shown);
        }
        text.remove_prefix(next.bytes);
    }
    return shown;
}

void escape_for_people(const character& what, std::string& into) {
    const auto out = std::back_inserter(into);
    if (what.is_valid && what.code == '\n') {
        into += "\\n";
    } else if (what.is_valid && what.code == '\t') {
        into += "\\t";
    } else if (what.is_valid && what.code >= 0x80) {
        fmt::format_to(out, "\\u{{{:04x}}}", what.code);
    } else {
        fmt::format_to(out, "\\x{:02x}", what.code);
    }
}

void escape_for_json(const character& what, std::string& into) {
    const auto out = std::back_inserter(into);
    if (!what.is_valid) {
        into += "\\ufffd";
    } else if (what.code >= 0x10000) {
        const std::uint32_t rest = what.code - 0x10000;
        fmt::format_to(out, "\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10U), 0xdc00 + (rest & 0x3ffU));
    } else {
        fmt::format_to(out, "\\u{:04x}", what.code);
    }
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, escape_for_people); }

std::string printable_lines(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        shown += printable(text.substr(0, end));
        if (end == std::string_view::npos) break;
        shown += '\n';
        text.remove_prefix(end + 1);
    }
    return shown;
}

std::string printable_json(std::string_view text) { return escaped(text, escape_for_json); }

std::size_t width_of(std::string_view printable_text) noexcept {
    return static_cast<std::size_t>(
        std::count_if(printable_text.begin(), printable_text.end(),
                      [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace conduit::tool
