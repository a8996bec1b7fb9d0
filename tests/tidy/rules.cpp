// SPDX-License-Identifier: BSL-1.0

#include "rules.hpp"

#include <check_awaits/await_rules.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace conduit::tidy {
namespace {

bool is_cxx(std::string_view path) { return path.ends_with(".hpp") || path.ends_with(".cpp"); }

// Lines whose comment waives the rule.
bool is_waived(const source& file, const finding& found) {
    const std::string waiver = "tidy: allow(" + found.rule + ")";
    return std::any_of(file.pieces.comments.begin(), file.pieces.comments.end(),
                       [&](const lint::remark& comment) {
                           return comment.line == found.line &&
                                  comment.text.find(waiver) != std::string_view::npos;
                       });
}

void check_file(const std::string& path, std::string_view text, std::vector<finding>& findings) {
    std::vector<finding> own;
    const source file(path, text, own);
    check_text(file);
    if (is_cxx(path)) {
        check_includes(file);
        check_calls(file);
        if (!file.is_below("tests/compiler")) {
            for (const auto& found : lint::check_awaits(text)) {
                file.report(found.line, "co_await", found.reason);
            }
        }
    }
    std::copy_if(own.begin(), own.end(), std::back_inserter(findings),
                 [&](const finding& found) { return !is_waived(file, found); });
}

}  // namespace

std::string to_string(const finding& found) {
    return found.file + ":" + std::to_string(found.line) + ": " + found.reason + " [" + found.rule +
           "]";
}

source::source(std::string path_in, std::string_view text_in, std::vector<finding>& findings_in)
    : path(std::move(path_in)),
      text(text_in),
      pieces(is_cxx(path) ? lint::lex(text) : lint::pieces()),
      findings(&findings_in) {}

bool source::is_below(std::string_view folder) const {
    return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

bool source::is_library() const {
    return is_below("runtime") || is_below("channels") || is_below("rpc");
}

bool source::is_public_header() const {
    return is_library() && is_header() && std::count(path.begin(), path.end(), '/') == 1;
}

void source::report(int line, std::string rule, std::string reason) const {
    findings->push_back({path, line, std::move(rule), std::move(reason)});
}

std::vector<finding> check(const tree& files) {
    std::vector<finding> findings;
    for (const auto& [path, text] : files) {
        check_file(path, text, findings);
    }
    check_layout(files, findings);
    return findings;
}

}  // namespace conduit::tidy
