// SPDX-License-Identifier: BSL-1.0
//
// Replies of the Redis protocol (RESP2), one behind the other in a string.

#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

/// Collects replies until they are sent.
class reply {
public:
    /// A word, such as OK.
    void add_status(std::string_view text) { add_line('+', text); }
    /// A code and a text; what would end the line early becomes a blank.
    void add_error(std::string_view text) {
        const std::size_t begin = bytes_.size();
        add_line('-', text);
        for (std::size_t i = begin; i < bytes_.size() - 2; ++i) {
            if (bytes_[i] == '\r' || bytes_[i] == '\n') bytes_[i] = ' ';
        }
    }
    void add_integer(std::int64_t number) { add_number(':', number); }
    void add_bulk(std::string_view text) {
        add_number('$', static_cast<std::int64_t>(text.size()));
        bytes_.append(text).append("\r\n");
    }
    void add_null() { bytes_.append("$-1\r\n"); }
    /// So many of the replies that follow are the elements of one.
    void add_array(std::size_t count) { add_number('*', static_cast<std::int64_t>(count)); }

    const std::string& bytes() const noexcept { return bytes_; }
    /// They were sent. What they took stays for the next ones, if that is not much.
    void clear() {
        constexpr std::size_t kept_max = std::size_t{16} * 1024;
        bytes_.clear();
        if (bytes_.capacity() > kept_max) bytes_.shrink_to_fit();
    }

private:
    void add_line(char kind, std::string_view text) {
        bytes_.append(1, kind).append(text).append("\r\n");
    }
    void add_number(char kind, std::int64_t number) {
        char text[std::numeric_limits<std::int64_t>::digits10 + 3];
        const char* const end = std::to_chars(text, text + sizeof text, number).ptr;
        add_line(kind, std::string_view(text, static_cast<std::size_t>(end - text)));
    }

    std::string bytes_;
};
