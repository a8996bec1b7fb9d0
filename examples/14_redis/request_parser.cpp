// SPDX-License-Identifier: BSL-1.0
#include "request_parser.hpp"

#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>

namespace {

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// Takes what a backslash within "..." stands for from the front of `text`.
char take_escaped(std::string_view& text) {
    if (text.size() >= 3 && text[0] == 'x' && digit_of(text[1]) >= 0 && digit_of(text[2]) >= 0) {
        const char byte = static_cast<char>(digit_of(text[1]) * 16 + digit_of(text[2]));
        text.remove_prefix(3);
        return byte;
    }
    constexpr std::string_view names = "nrtba";
    constexpr std::string_view bytes = "\n\r\t\b\a";
    const char c = text.front();
    text.remove_prefix(1);
    const std::size_t known = names.find(c);
    return known == std::string_view::npos ? c : bytes[known];
}

/// Takes the rest of a quoted part, which must end a word. False where it does not end.
bool take_quoted(std::string_view& text, char quote, std::string& word) {
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == quote) return text.empty() || is_blank(text.front());
        const bool escapes = c == '\\' && !text.empty();
        if (escapes && quote == '"') {
            word += take_escaped(text);
        } else if (escapes && text.front() == '\'') {
            word += '\'';
            text.remove_prefix(1);
        } else {
            word += c;
        }
    }
    return false;
}

/// The words of a line; nothing where a quote is not closed, or is closed within a word.
std::optional<std::vector<std::string>> split(std::string_view line) {
    std::vector<std::string> words;
    for (;;) {
        while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
        if (line.empty()) return words;
        std::string& word = words.emplace_back();
        while (!line.empty() && !is_blank(line.front())) {
            const char c = line.front();
            line.remove_prefix(1);
            if (c != '"' && c != '\'') {
                word += c;
            } else if (!take_quoted(line, c, word)) {
                return std::nullopt;
            }
        }
    }
}

}  // namespace

std::optional<std::int64_t> number_in(std::string_view text) {
    std::int64_t number = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [rest, error] = std::from_chars(begin, end, number);
    if (error != std::errc() || rest != end) return std::nullopt;
    if (std::to_string(number) != text) return std::nullopt;
    return number;
}

request_parser::state request_parser::parse(std::string_view bytes) {
    if (in_array_) return parse_array(bytes);
    if (bytes.empty()) return state::incomplete;
    words_.clear();
    return bytes.front() == '*' ? parse_array(bytes) : parse_inline(bytes);
}

request_parser::state request_parser::parse_array(std::string_view bytes) {
    if (!in_array_) {
        const std::size_t end = bytes.find('\r');
        if (end == std::string_view::npos && bytes.size() > line_bytes_max) {
            return broken("too big mbulk count string");
        }
        if (end == std::string_view::npos || end + 1 == bytes.size()) return state::incomplete;
        const auto count = number_in(bytes.substr(1, end - 1));
        if (!count || *count > static_cast<std::int64_t>(words_max)) {
            return broken("invalid multibulk length");
        }
        in_array_ = true;
        at_ = end + 2;  // as Redis does it: any byte may follow the \r
        words_left_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
    }
    while (words_left_ > 0) {
        const state word = parse_bulk(bytes);
        if (word != state::complete) return word;
        --words_left_;
    }
    return finish(bytes);
}

request_parser::state request_parser::parse_bulk(std::string_view bytes) {
    if (bulk_bytes_ < 0) {
        const std::size_t end = bytes.find('\r', at_);
        if (end == std::string_view::npos && bytes.size() - at_ > line_bytes_max) {
            return broken("too big bulk count string");
        }
        if (end == std::string_view::npos || end + 1 >= bytes.size()) return state::incomplete;
        if (bytes[at_] != '$') {
            return broken("expected '$', got '" + std::string(1, bytes[at_]) + "'");
        }
        const auto length = number_in(bytes.substr(at_ + 1, end - at_ - 1));
        at_ = end + 2;
        if (!length || *length < 0 || *length > static_cast<std::int64_t>(request_bytes_max)) {
            return broken("invalid bulk length");
        }
        bulk_bytes_ = static_cast<std::ptrdiff_t>(*length);
    }
    const auto length = static_cast<std::size_t>(bulk_bytes_);
    if (at_ + length > request_bytes_max) return broken("too big request");
    if (bytes.size() < at_ + length + 2) return state::incomplete;
    places_.emplace_back(at_, length);
    at_ += length + 2;
    bulk_bytes_ = -1;
    return state::complete;
}

request_parser::state request_parser::finish(std::string_view bytes) {
    for (const auto& [begin, length] : places_) words_.push_back(bytes.substr(begin, length));
    places_.clear();
    in_array_ = false;
    size_ = at_;
    return state::complete;
}

request_parser::state request_parser::parse_inline(std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
        if (bytes.size() > line_bytes_max) return broken("too big inline request");
        return state::incomplete;
    }
    std::string_view line = bytes.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto split_up = split(line);
    if (!split_up) return broken("unbalanced quotes in request");
    unquoted_ = std::move(*split_up);
    words_.assign(unquoted_.begin(), unquoted_.end());
    size_ = end + 1;
    return state::complete;
}

request_parser::state request_parser::broken(std::string why) {
    complaint_ = "Protocol error: " + std::move(why);
    return state::broken;
}
