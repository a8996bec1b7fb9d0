// SPDX-License-Identifier: BSL-1.0
//
// The style of this repository as functions over its text. tidy_test.cpp applies them to the tree,
// and to small made-up trees that break each rule.
//
// A line with the comment `tidy: allow(rule)` and a reason is let through by that rule; findings
// name their rule.

#pragma once

#include <check_awaits/lexer.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::tidy {

/// Path relative to the root, with `/`, and contents.
using tree = std::map<std::string, std::string>;

struct finding {
    std::string file;
    int line;
    std::string rule;
    std::string reason;  ///< what is wrong, and what to do instead
};

/// `file:line: reason [rule]`
[[nodiscard]] std::string to_string(const finding& found);

/// One source file, cut up.
struct source {
    std::string path;
    std::string_view text;
    lint::pieces pieces;
    std::vector<finding>* findings;

    explicit source(std::string path, std::string_view text, std::vector<finding>& findings);

    [[nodiscard]] bool is_below(std::string_view folder) const;
    [[nodiscard]] bool is_header() const { return path.ends_with(".hpp"); }
    /// Below runtime/, channels/ or rpc/.
    [[nodiscard]] bool is_library() const;
    /// A header directly in a layer's folder, and therefore installed.
    [[nodiscard]] bool is_public_header() const;
    void report(int line, std::string rule, std::string reason) const;
};

void check_text(const source& file);      ///< licence, guard, lengths, words
void check_includes(const source& file);  ///< who may include what
void check_calls(const source& file);     ///< banned names, each with its replacement
void check_layout(const tree& files, std::vector<finding>& findings);  ///< what must lie where

/// Applies every rule to every file.
[[nodiscard]] std::vector<finding> check(const tree& files);

}  // namespace conduit::tidy
