// SPDX-License-Identifier: BSL-1.0

#include "await_rules.hpp"

#include "lexer.hpp"
#include "outline.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <set>
#include <utility>

namespace conduit::lint {
namespace {

constexpr std::string_view in_macro =
    " runs the awaited expression twice with g++ 12; write `auto x = co_await e;` first and test x";
constexpr std::string_view in_condition =
    "co_await in a condition that declares nothing may never finish with g++ 12; write "
    "`auto x = co_await e;` first, or declare: `while (auto x = co_await e)`";
constexpr std::string_view in_choice =
    "?: beside a co_await destroys its operands twice with g++ 12; write `if`, or name the chosen "
    "value first";
constexpr std::string_view in_list =
    "co_await inside braces does not survive g++ 12; write `auto x = co_await e;` first and put x "
    "between the braces";
constexpr std::string_view with_braces =
    " in a braced temporary, which g++ 12 destroys twice; name it first and move it in, or write "
    "make<T>(...)";
constexpr std::string_view with_lambda =
    " beside a capturing lambda, whose captures g++ 12 destroys twice; name the lambda first and "
    "move it in";

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_assertion(std::string_view name) {
    return name.starts_with("REQUIRE") || name.starts_with("CHECK") ||
           name.starts_with("EXPECT_") || name.starts_with("ASSERT_") ||
           name.ends_with("_ASSERT") ||
           one_of(name, {"assert", "ASSERT", "INFO", "UNSCOPED_INFO", "CAPTURE", "WARN", "FAIL",
                         "FAIL_CHECK", "SUCCEED", "static_assert"});
}

// A half-open range of tokens.
struct range {
    std::size_t begin;
    std::size_t end;
};

class checker {
public:
    explicit checker(std::string_view source)
        : pieces_(lex(source)), shape_(make_outline(pieces_.tokens)) {
        for (const remark& comment : pieces_.comments) {
            if (comment.text.find("conduit: allow-await") != std::string_view::npos) {
                waived_.insert(comment.line);
            }
        }
    }

    std::vector<finding> check() {
        for (std::size_t at = 0; at < size(); ++at) {
            if (one_of(text(at), {"co_await", "co_yield"}) &&
                (at == 0 || text(at - 1) != "operator")) {
                check_one(at);
            }
        }
        return std::move(found_);
    }

private:
    std::size_t size() const { return pieces_.tokens.size(); }
    std::string_view text(std::size_t at) const {
        return at < size() ? pieces_.tokens[at].text : std::string_view();
    }
    bool is_word(std::size_t at) const {
        return at < size() && pieces_.tokens[at].kind == token_kind::word;
    }

    // Everything here looks no further than the full-expression, and reports one reason for it.
    void check_one(std::size_t at) {
        for (std::size_t open = shape_.enclosing[at]; open != outline::nowhere;
             open = shape_.enclosing[open]) {
            if (shape_.holds_statements(open)) {
                break;
            }
            if (shape_.kind[open] == bracket::list) {
                return report(at, statement(at), std::string(in_list));
            }
            if (shape_.kind[open] == bracket::capture) {
                return report(at, statement(at), std::string(text(at)) + std::string(with_lambda));
            }
            if (shape_.kind[open] == bracket::round && open > 0 && is_assertion(text(open - 1))) {
                return report(
                    at, statement(at),
                    "co_await inside " + std::string(text(open - 1)) + std::string(in_macro));
            }
            if (shape_.kind[open] == bracket::round && is_control(open)) {
                return check_header(at, open);
            }
        }
        check_expression(at, statement(at));
    }

    bool is_control(std::size_t open) const {
        if (open == 0) {
            return false;
        }
        const bool constant = text(open - 1) == "constexpr" && open > 1 && text(open - 2) == "if";
        return constant || one_of(text(open - 1), {"if", "for", "while", "switch"});
    }

    // `for (begin; condition; step)`, `for (x : range)`, `if (begin; condition)`, `while
    // (condition)`.
    void check_header(std::size_t at, std::size_t open) {
        const std::size_t close = std::min(shape_.partner[open], size());
        const range part = between_semicolons({open + 1, close}, at);
        const bool is_first = part.begin == open + 1;
        const bool is_last = part.end == close;
        const bool is_for = text(open - 1) == "for";
        const bool is_condition = is_for ? !is_first && !is_last : true;
        if (is_condition && !declares(part)) {
            return report(at, part, std::string(in_condition));
        }
        check_expression(at, part);
    }

    range between_semicolons(range within, std::size_t at) const {
        range part = within;
        for (std::size_t i = within.begin; i < within.end; i = next_on_level(i)) {
            if (text(i) == ";" && i < at) {
                part.begin = i + 1;
            } else if (text(i) == ";") {
                part.end = i;
                break;
            }
        }
        return part;
    }

    // `auto x = ...`, `const foo<int>& x = ...`, `auto [a, b] = ...`; not `x = ...` or `a->b =
    // ...`.
    bool declares(range part) const {
        std::size_t equals = part.begin;
        while (equals < part.end && text(equals) != "=") {
            equals = next_on_level(equals);
        }
        if (equals >= part.end || equals < part.begin + 2 || !is_word(part.begin)) {
            return false;
        }
        if (text(equals - 1) == "]") {
            return text(part.begin) == "auto" || text(part.begin) == "const";
        }
        return is_word(equals - 1) &&
               (is_word(equals - 2) || one_of(text(equals - 2), {">", "&", "&&", "*"}));
    }

    std::size_t next_on_level(std::size_t at) const {
        const bool opens =
            shape_.kind[at] != bracket::none && shape_.partner[at] != outline::nowhere;
        return opens ? shape_.partner[at] + 1 : at + 1;
    }

    // The statement around `at` without the control header or label before it.
    range statement(std::size_t at) const {
        std::size_t inner = at;
        while (shape_.enclosing[inner] != outline::nowhere &&
               !shape_.holds_statements(shape_.enclosing[inner])) {
            inner = shape_.enclosing[inner];
        }
        return {statement_begin(inner), statement_end(inner)};
    }

    std::size_t statement_begin(std::size_t at) const {
        std::size_t i = at;
        bool chosen = false;  // passed the `:` of a `?:` on the way back, perhaps
        std::size_t after_colon = at;
        while (i > 0) {
            const std::size_t previous = i - 1;
            const std::size_t open = shape_.partner[previous];
            const bool closes = open != outline::nowhere && open < previous;
            if (closes && text(previous) == "}" && shape_.kind[open] != bracket::list &&
                shape_.kind[open] != bracket::lambda) {
                break;
            }
            if (closes && text(previous) == ")" && is_control(open)) {
                break;
            }
            if (!closes && one_of(text(previous), {";", "{", "}", "else", "do"})) {
                break;
            }
            if (text(previous) == "?") {
                chosen = true;
            }
            if (text(previous) == ":" && after_colon == at) {
                after_colon = i;
            }
            i = closes ? open : previous;
        }
        const bool label = after_colon != at && !chosen;
        return label ? after_colon : i;
    }

    std::size_t statement_end(std::size_t at) const {
        std::size_t i = at;
        while (i < size() && text(i) != ";" && text(i) != "}") {
            if (text(i) == "{" && shape_.holds_statements(i) && shape_.kind[i] != bracket::lambda) {
                break;
            }
            i = next_on_level(i);
        }
        return i;
    }

    void check_expression(std::size_t at, range part) {
        const std::string keyword(text(at));
        for (std::size_t i = part.begin; i < part.end; ++i) {
            const bool opens = shape_.partner[i] != outline::nowhere && shape_.partner[i] > i;
            if (shape_.kind[i] == bracket::lambda && opens) {
                i = shape_.partner[i];  // another function's statements
            } else if (text(i) == "?") {
                return report(at, part, std::string(in_choice));
            } else if (shape_.kind[i] == bracket::list) {
                return report(at, part, keyword + std::string(with_braces));
            } else if (shape_.kind[i] == bracket::capture && text(i + 1) != "]") {
                return report(at, part, keyword + std::string(with_lambda));
            }
        }
    }

    void report(std::size_t at, range part, std::string reason) {
        const int first = pieces_.tokens[part.begin].line;
        const int last = pieces_.tokens[std::min(part.end, size() - 1)].line;
        if (waived_.lower_bound(first) != waived_.upper_bound(last)) {
            return;
        }
        const int line = pieces_.tokens[at].line;
        if (found_.empty() || found_.back().line != line || found_.back().reason != reason) {
            found_.push_back({line, std::move(reason)});
        }
    }

    pieces pieces_;
    outline shape_;
    std::set<int> waived_;
    std::vector<finding> found_;
};

}  // namespace

std::vector<finding> check_awaits(std::string_view source) { return checker(source).check(); }

}  // namespace conduit::lint
