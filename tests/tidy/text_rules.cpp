// SPDX-License-Identifier: BSL-1.0

#include <check_awaits/outline.hpp>

#include "rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace conduit::tidy {
namespace {

constexpr std::size_t columns_max = 100;
constexpr int file_lines_max = 800;
constexpr int function_lines_max = 70;

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// Code points, so that a character outside ASCII counts once.
std::size_t width_of(std::string_view line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

void check_lines(const source& file) {
    const auto lines = lines_of(file.text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const int number = static_cast<int>(i) + 1;
        if (width_of(lines[i]) > columns_max) {
            file.report(number, "columns", "a line ends by column 100");
        }
        if (lines[i].find('\t') != std::string_view::npos) {
            file.report(number, "tab", "indent with spaces");
        }
        if (lines[i].ends_with(' ')) {
            file.report(number, "blanks", "blanks at the end of the line");
        }
    }
    if (lines.size() > file_lines_max) {
        file.report(file_lines_max + 1, "file-length",
                    "a file has at most 800 lines; aim at 250 for a header, 500 for a source");
    }
}

void check_head(const source& file) {
    if (!file.text.starts_with("// SPDX-License-Identifier: BSL-1.0\n")) {
        file.report(1, "licence", "the first line is `// SPDX-License-Identifier: BSL-1.0`");
    }
    const auto& directives = file.pieces.directives;
    if (file.is_header() && (directives.empty() || directives[0].text != "#pragma once")) {
        file.report(1, "pragma-once", "a header's first directive is `#pragma once`");
    }
}

void check_functions(const source& file) {
    const auto& tokens = file.pieces.tokens;
    const auto shape = lint::make_outline(tokens);
    for (std::size_t at = 0; at < tokens.size(); ++at) {
        if (shape.kind[at] != lint::bracket::function ||
            shape.partner[at] == lint::outline::nowhere) {
            continue;
        }
        const int length = tokens[shape.partner[at]].line - tokens[at].line + 1;
        if (length > function_lines_max) {
            file.report(tokens[at].line, "function-length",
                        "this function has " + std::to_string(length) +
                            " lines; at most 70, and aim at 40: name a part of it");
        }
    }
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || !is_letter(text[at - 1])) &&
            (end == text.size() || !is_letter(text[end]))) {
            return true;
        }
    }
    return false;
}

bool is_typed(std::string_view rest) {
    constexpr std::array<std::string_view, 4> types = {
        "(perf): ", "(port): ", "(test): ", "(someday): "};
    return std::any_of(types.begin(), types.end(), [&](auto t) { return rest.starts_with(t); });
}

void check_comment(const source& file, const lint::remark& comment) {
    struct replacement {
        std::string_view word;
        std::string_view reason;
    };
    constexpr std::array<replacement, 12> words = {{
        {"FIXME", "write TODO(perf|port|test|someday): ..."},
        {"XXX", "write TODO(perf|port|test|someday): ..."},
        {"HACK", "write TODO(perf|port|test|someday): ..."},
        {"simply", "leave out `simply`: it is not, to who reads this"},
        {"obviously", "leave out `obviously`: it is not, to who reads this"},
        {"easy", "leave out `easy`: it is not, to who reads this"},
        {"easily", "leave out `easily`: it is not, to who reads this"},
        {"canceled", "British spelling: cancelled"},
        {"canceling", "British spelling: cancelling"},
        {"serialize", "British spelling: serialise"},
        {"initialize", "British spelling: initialise"},
        {"behavior", "British spelling: behaviour"},
    }};
    for (const auto& [word, reason] : words) {
        if (has_word(comment.text, word)) {
            file.report(comment.line, "words", std::string(reason));
        }
    }
    const std::size_t todo = comment.text.find("TODO");
    if (todo != std::string_view::npos && !is_typed(comment.text.substr(todo + 4))) {
        file.report(comment.line, "todo", "a TODO has a type: TODO(perf|port|test|someday): ...");
    }
}

}  // namespace

void check_text(const source& file) {
    if (file.path.ends_with(".md")) {
        return;
    }
    check_lines(file);
    if (!file.path.ends_with(".hpp") && !file.path.ends_with(".cpp")) {
        return;
    }
    check_head(file);
    check_functions(file);
    for (const lint::remark& comment : file.pieces.comments) {
        if (!file.is_below("tests/tidy")) {  // they speak of these words
            check_comment(file, comment);
        }
    }
}

}  // namespace conduit::tidy
