// SPDX-License-Identifier: BSL-1.0

#include "outline.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace conduit::lint {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

class outliner {
public:
    explicit outliner(const std::vector<token>& tokens) : tokens_(tokens) {
        out_.kind.assign(tokens.size(), bracket::none);
        out_.partner.assign(tokens.size(), outline::nowhere);
        out_.enclosing.assign(tokens.size(), outline::nowhere);
    }

    outline draw() {
        for (std::size_t at = 0; at < tokens_.size(); ++at) {
            const std::string_view text = tokens_[at].text;
            const bool is_symbol = tokens_[at].kind == token_kind::symbol;
            if (is_symbol && one_of(text, {")", "]", "}"})) close(at);
            out_.enclosing[at] = top();
            if (is_symbol && one_of(text, {"(", "[", "{"})) {
                out_.kind[at] = classify(at);
                open_.push_back(at);
            }
        }
        return std::move(out_);
    }

private:
    std::size_t top() const { return open_.empty() ? outline::nowhere : open_.back(); }

    std::string_view text(std::size_t at) const {
        return at < tokens_.size() ? tokens_[at].text : std::string_view();
    }

    std::string_view before(std::size_t at) const { return at == 0 ? "" : tokens_[at - 1].text; }

    // Branches of #if may leave brackets unbalanced: a closing one ends the nearest of its kind.
    void close(std::size_t at) {
        const char closing = text(at).front();
        const char opening = closing == ')' ? '(' : closing == ']' ? '[' : '{';
        for (std::size_t i = open_.size(); i-- > 0;) {
            if (text(open_[i]).front() == opening) {
                out_.partner[open_[i]] = at;
                out_.partner[at] = open_[i];
                open_.resize(i);
                return;
            }
            if (opening != '{' && text(open_[i]) == "{") {
                return;
            }
        }
    }

    bracket classify(std::size_t at) const {
        if (text(at) == "(") {
            return bracket::round;
        }
        return text(at) == "[" ? classify_square(at) : classify_brace(at);
    }

    bracket classify_square(std::size_t at) const {
        const std::string_view previous = before(at);
        if (text(at + 1) == "[" || previous == "[" || one_of(previous, {")", "]", "auto"})) {
            return bracket::index;  // an attribute, a subscript or a structured binding
        }
        if ((previous == "&" || previous == "&&") && at >= 2 && text(at - 2) == "auto") {
            return bracket::index;
        }
        const bool after_value =
            at > 0 && tokens_[at - 1].kind != token_kind::symbol &&
            !one_of(previous, {"return", "co_return", "co_await", "co_yield", "case", "else"});
        return after_value || previous == ">" || previous == "operator" ? bracket::index
                                                                        : bracket::capture;
    }

    // Whether the braces around `at` hold statements, or there are none around it.
    bool at_statement_level(std::size_t at) const {
        return out_.enclosing[at] == outline::nowhere || out_.holds_statements(out_.enclosing[at]);
    }

    bracket classify_brace(std::size_t at) const {
        const std::string_view previous = before(at);
        if (const bracket lambda = lambda_before(at); lambda != bracket::none) {
            return lambda;
        }
        if (!at_statement_level(at) && !one_of(previous, {")", "requires"})) {
            return bracket::list;
        }
        if (one_of(previous, {"", ";", "{", "}", ":", "else", "do", "try"})) {
            return ends_member_initialisers(at) ? bracket::function : bracket::block;
        }
        if (begins_scope(at)) {
            return bracket::scope;
        }
        if (previous == ")") {
            const std::size_t open = out_.partner[at - 1];
            const bool control = open != outline::nowhere && is_control(open);
            return control || !outside_functions(at) ? bracket::block : bracket::function;
        }
        if (previous == "]" || follows_declarator(at)) {
            return outside_functions(at) ? bracket::function : bracket::block;
        }
        return previous == "requires" ? bracket::block : bracket::list;
    }

    bool is_control(std::size_t open) const {
        return one_of(before(open), {"if", "for", "while", "switch", "catch", "constexpr"});
    }

    bool outside_functions(std::size_t at) const {
        const std::size_t around = out_.enclosing[at];
        return around == outline::nowhere || out_.kind[around] == bracket::scope;
    }

    // `: a_(1), b_{2} {`: the closing brace before belongs to a list, or a class has just ended.
    bool ends_member_initialisers(std::size_t at) const {
        if (before(at) == "try") {
            return outside_functions(at);
        }
        if (before(at) != "}") {
            return false;
        }
        const std::size_t open = out_.partner[at - 1];
        return open != outline::nowhere && out_.kind[open] == bracket::list;
    }

    // Where the statement or declaration begins that `at` is part of, on its own level.
    std::size_t statement_begin(std::size_t at) const {
        std::size_t i = at;
        while (i > 0) {
            const std::size_t previous = i - 1;
            if (out_.partner[previous] != outline::nowhere && out_.partner[previous] < previous) {
                const std::size_t open = out_.partner[previous];
                if (text(previous) == "}" && out_.holds_statements(open)) {
                    break;
                }
                i = open;
            } else if (one_of(text(previous), {";", "{", "}", "(", "["})) {
                break;
            } else {
                --i;
            }
        }
        return i;
    }

    bool begins_scope(std::size_t at) const {
        std::size_t i = statement_begin(at);
        while (i < at) {
            if (text(i) == "template" || text(i) == "<") {
                i = skip_angles(i + (text(i) == "template" ? 1 : 0), at);
            } else if (text(i) == "[" && out_.partner[i] != outline::nowhere) {
                i = out_.partner[i] + 1;
            } else if (is_macro_call(i)) {
                i = out_.partner[i + 1] + 1;
            } else if (one_of(text(i),
                              {"export", "inline", "static", "const", "constexpr", "typedef",
                               "friend", "public", "private", "protected", ":", "thread_local"})) {
                ++i;
            } else {
                break;
            }
        }
        if (text(i) == "extern") {
            return i + 1 < at && tokens_[i + 1].kind == token_kind::text;
        }
        return one_of(text(i), {"namespace", "class", "struct", "union", "enum"});
    }

    // `CONDUIT_INTERFACE(a, "a", b)` needs no semicolon: what follows it is no part of it.
    bool is_macro_call(std::size_t at) const {
        const std::string_view name = text(at);
        const bool upper = std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        });
        return upper && name.size() > 1 && at + 1 < tokens_.size() && text(at + 1) == "(" &&
               out_.partner[at + 1] != outline::nowhere;
    }

    std::size_t skip_angles(std::size_t at, std::size_t end) const {
        int depth = 0;
        for (; at < end; ++at) {
            if (text(at) == "<") {
                ++depth;
            } else if (text(at) == ">" && --depth == 0) {
                return at + 1;
            }
        }
        return at;
    }

    // `) const {`, `) noexcept -> task<int> {`, `) requires foo<T> {`, `) && {`
    bool follows_declarator(std::size_t at) const {
        const std::size_t begin = statement_begin(at);
        for (std::size_t i = at; i-- > begin;) {
            if (text(i) == ")" && out_.partner[i] != outline::nowhere) {
                const std::string_view next = text(i + 1);
                if (one_of(next, {"const", "noexcept", "override", "final", "mutable", "->",
                                  "requires", "&", "&&", "volatile"})) {
                    return true;
                }
                i = out_.partner[i];
            } else if (one_of(text(i), {"=", "return", "co_return", "co_yield", "co_await"})) {
                return false;
            }
        }
        return false;
    }

    // A lambda's body follows its captures, template and plain parameters, specifiers and result.
    bracket lambda_before(std::size_t at) const {
        std::size_t i = at;
        while (i > 0) {
            const std::size_t previous = i - 1;
            const std::size_t open = out_.partner[previous];
            if (text(previous) == "]" && open != outline::nowhere) {
                if (out_.kind[open] == bracket::capture) {
                    return bracket::lambda;
                }
                i = open;
            } else if (text(previous) == ")" && open != outline::nowhere) {
                i = open;
            } else if (tokens_[previous].kind == token_kind::word) {
                if (one_of(text(previous), {"if", "for", "while", "switch", "catch", "return",
                                            "co_return", "co_await", "co_yield", "else", "do",
                                            "try", "namespace", "struct", "class", "enum"})) {
                    return bracket::none;
                }
                i = previous;
            } else if (one_of(text(previous), {"->", "::", "<", ">", "*", "&", "&&", ","})) {
                if (text(previous) == "," && !inside_angles(previous)) {
                    return bracket::none;
                }
                i = previous;
            } else {
                return bracket::none;
            }
        }
        return bracket::none;
    }

    // A comma between < and >, as in `-> result<a, b> {`.
    bool inside_angles(std::size_t comma) const {
        int depth = 0;
        for (std::size_t i = comma; i-- > 0;) {
            if (one_of(text(i), {";", "{", "}", "(", "=", ")"})) {
                return false;
            }
            depth += text(i) == ">" ? 1 : text(i) == "<" ? -1 : 0;
            if (depth < 0) {
                return true;
            }
        }
        return false;
    }

    const std::vector<token>& tokens_;
    std::vector<std::size_t> open_;
    outline out_;
};

}  // namespace

outline make_outline(const std::vector<token>& tokens) { return outliner(tokens).draw(); }

}  // namespace conduit::lint
