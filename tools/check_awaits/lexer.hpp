// SPDX-License-Identifier: BSL-1.0
//
// Cuts C++ source text into tokens, well enough to reason about its shape.
//
// It knows comments, preprocessor lines, strings, raw strings, digit separators and line
// continuations. It does not preprocess: a macro's body is part of its directive and is not looked
// at. For which bracket belongs to what see outline.hpp.
//
//     auto pieces = conduit::lint::lex("auto x = co_await f();  // why");
//     pieces.tokens[3].text == "co_await";
//     pieces.comments[0].line == 1;

#pragma once

#include <string_view>
#include <vector>

namespace conduit::lint {

enum class token_kind : unsigned char {
    word,    ///< an identifier or keyword
    number,  ///< a number with its suffix
    text,    ///< a string or character literal with its quotes and prefix
    symbol,  ///< one character of punctuation, or one of :: -> == != <= >= && ||
};

/// A token; `text` points into the source given to lex().
struct token {
    token_kind kind;
    std::string_view text;
    int line;  ///< 1 for the first
};

/// A comment with its slashes, or a preprocessor line with its continuations.
struct remark {
    std::string_view text;
    int line;  ///< where it begins
};

struct pieces {
    std::vector<token> tokens;
    std::vector<remark> comments;
    std::vector<remark> directives;
};

/// Cuts up `source`, which must outlive the result. Any text yields something; nothing fails.
[[nodiscard]] pieces lex(std::string_view source);

}  // namespace conduit::lint
