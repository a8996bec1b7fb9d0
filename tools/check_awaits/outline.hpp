// SPDX-License-Identifier: BSL-1.0
//
// Which bracket closes which, and what each brace is: a function's body, a block, a list of values.
//
// C++ cannot be parsed without knowing its types; this reads shapes instead, and where a shape is
// ambiguous it guesses what a formatted source most likely means.

#pragma once

#include "lexer.hpp"

#include <cstddef>
#include <vector>

namespace conduit::lint {

enum class bracket : unsigned char {
    none,      ///< not an opening bracket
    scope,     ///< { of a namespace, class, union or enumeration
    function,  ///< { of a function's body, or of a test case's
    lambda,    ///< { of a lambda's body
    block,     ///< { of any other compound statement
    list,      ///< { of values: an initialiser or a braced temporary
    capture,   ///< [ of a lambda
    index,     ///< any other [
    round,     ///< (
};

/// The shape of a sequence of tokens. All vectors have one element per token.
struct outline {
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    std::vector<bracket> kind;           ///< of an opening bracket
    std::vector<std::size_t> partner;    ///< of a bracket; nowhere for the rest and the unmatched
    std::vector<std::size_t> enclosing;  ///< the innermost open bracket around a token, or nowhere

    /// Whether `at` opens a brace that holds statements or declarations rather than values.
    [[nodiscard]] bool holds_statements(std::size_t at) const {
        return kind[at] == bracket::scope || kind[at] == bracket::function ||
               kind[at] == bracket::lambda || kind[at] == bracket::block;
    }
};

[[nodiscard]] outline make_outline(const std::vector<token>& tokens);

}  // namespace conduit::lint
