// SPDX-License-Identifier: BSL-1.0

#include "lexer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace conduit::lint {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool is_word(char c) { return is_word_start(c) || is_digit(c); }

class cutter {
public:
    explicit cutter(std::string_view source) : source_(source) {}

    pieces cut() {
        while (at_ < source_.size()) {
            step();
        }
        return std::move(out_);
    }

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }

    bool sees(std::string_view text) const { return source_.substr(at_).starts_with(text); }

    void advance() {
        if (peek() == '\n') {
            ++line_;
            fresh_line_ = true;
        }
        ++at_;
    }

    void step() {
        const char c = peek();
        if (c == '\n' || c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
            advance();
        } else if (c == '\\' && peek(1) == '\n') {
            at_ += 2;
            ++line_;
        } else if (sees("//")) {
            out_.comments.push_back(take_line());
        } else if (sees("/*")) {
            out_.comments.push_back(take_block_comment());
        } else if (c == '#' && fresh_line_) {
            out_.directives.push_back(take_line());
        } else {
            fresh_line_ = false;
            take_token();
        }
    }

    // To the end of the line, or of the last line that a backslash joins to it. A directive leaves
    // its trailing comment in place.
    remark take_line() {
        const std::size_t begin = at_;
        const int line = line_;
        const bool directive = peek() == '#';
        while (at_ < source_.size() && peek() != '\n') {
            if (directive && (sees("//") || sees("/*"))) {
                break;
            }
            if (peek() == '\\' && peek(1) == '\n') {
                ++at_;
                ++line_;
            }
            ++at_;
        }
        return {source_.substr(begin, at_ - begin), line};
    }

    remark take_block_comment() {
        const std::size_t begin = at_;
        const int line = line_;
        const bool fresh = fresh_line_;
        at_ += 2;
        while (at_ < source_.size() && !sees("*/")) {
            advance();
        }
        at_ = std::min(at_ + 2, source_.size());
        fresh_line_ = fresh;
        return {source_.substr(begin, at_ - begin), line};
    }

    void take_token() {
        const std::size_t begin = at_;
        const int line = line_;
        token_kind kind = token_kind::symbol;
        if (is_word_start(peek())) {
            while (is_word(peek())) {
                ++at_;
            }
            kind = token_kind::word;
            if ((peek() == '"' || peek() == '\'') &&
                is_prefix(source_.substr(begin, at_ - begin))) {
                take_literal(source_[at_ - 1] == 'R');
                kind = token_kind::text;
            }
        } else if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) {
            take_number();
            kind = token_kind::number;
        } else if (peek() == '"' || peek() == '\'') {
            take_literal(false);
            kind = token_kind::text;
        } else {
            at_ += symbol_length();
        }
        fresh_line_ = false;
        out_.tokens.push_back({kind, source_.substr(begin, at_ - begin), line});
    }

    static bool is_prefix(std::string_view word) {
        constexpr std::array<std::string_view, 9> prefixes = {"R", "u8", "u8R", "u", "uR",
                                                              "U", "UR", "L",   "LR"};
        return std::find(prefixes.begin(), prefixes.end(), word) != prefixes.end();
    }

    void take_number() {
        while (is_word(peek()) || peek() == '.' || (peek() == '\'' && is_word(peek(1))) ||
               ((peek() == '+' || peek() == '-') && is_exponent(source_[at_ - 1]))) {
            ++at_;
        }
    }

    static bool is_exponent(char c) { return c == 'e' || c == 'E' || c == 'p' || c == 'P'; }

    // Stands on the opening quote.
    void take_literal(bool raw) {
        const char quote = peek();
        ++at_;
        if (raw && quote == '"') {
            const std::size_t open = std::min(source_.find('(', at_), source_.size());
            const std::string_view delimiter = source_.substr(at_, open - at_);
            while (at_ < source_.size() && !(peek() == ')' && closes_raw(delimiter))) {
                advance();
            }
            at_ = std::min(at_ + delimiter.size() + 2, source_.size());
        } else {
            while (at_ < source_.size() && peek() != quote && peek() != '\n') {
                if (peek() == '\\') {
                    advance();
                }
                advance();
            }
            at_ = std::min(at_ + 1, source_.size());
        }
        while (is_word(peek())) {
            ++at_;  // a suffix such as ms or sv
        }
    }

    bool closes_raw(std::string_view delimiter) const {
        const std::string_view rest = source_.substr(at_ + 1);
        return rest.starts_with(delimiter) && rest.substr(delimiter.size()).starts_with('"');
    }

    std::size_t symbol_length() const {
        constexpr std::array<std::string_view, 8> pairs = {
            "::", "->", "==", "!=", "<=", ">=", "&&", "||"};
        const bool pair = std::any_of(pairs.begin(), pairs.end(), [&](auto p) { return sees(p); });
        return pair ? 2 : 1;
    }

    std::string_view source_;
    std::size_t at_ = 0;
    int line_ = 1;
    bool fresh_line_ = true;  // nothing but blanks and comments so far on this line
    pieces out_;
};

}  // namespace

pieces lex(std::string_view source) { return cutter(source).cut(); }

}  // namespace conduit::lint
