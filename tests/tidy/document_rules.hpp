// SPDX-License-Identifier: BSL-1.0
//
// What the documents name is there, and is one thing: links, their anchors, and files of the
// project. Like the rules of rules.hpp these are functions over text; document_rules_test.cpp
// applies them to the tree.

#pragma once

#include "rules.hpp"

#include <set>
#include <string>

namespace conduit::tidy {

/// Relative to the root, with `/`: files as they are called, folders with a `/` at the end.
using paths = std::set<std::string>;

/// Rule `link`: what a document links to exists, and so does the heading behind a `#`.
/// Rule `path`: so does what it writes in backticks, or in a block for the shell, that begins with
/// a folder of the project; `*` stands for anything but `/`.
/// Rule `heading`: no two headings of a document have one anchor, CHANGELOG.md excepted, where each
/// version has the same ones.
/// Rule `orphan`: every document below docs/ can be reached from README.md.
[[nodiscard]] std::vector<finding> check_documents(const tree& documents, const paths& all);

/// Rule `path` for comments: a document that a source names exists.
[[nodiscard]] std::vector<finding> check_named_documents(const tree& sources, const paths& all);

}  // namespace conduit::tidy
