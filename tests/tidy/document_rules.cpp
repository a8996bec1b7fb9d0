// SPDX-License-Identifier: BSL-1.0

#include "document_rules.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <regex>
#include <string_view>
#include <utility>

namespace conduit::tidy {
namespace {

constexpr std::array<std::string_view, 11> folders = {"runtime/",  "channels/", "rpc/",   "tools/",
                                                      "examples/", "tests/",    "bench/", "cmake/",
                                                      "scripts/",  "docs/",     ".ci/"};

struct line {
    int number;
    std::string text;
    std::string fence;  // what the block around is called; empty outside
};

/// The lines of a document, without those that open and close a block.
std::vector<line> lines_of(const std::string& document) {
    std::vector<line> lines;
    std::string fence;
    int number = 0;
    for (std::size_t at = 0; at < document.size();) {
        const std::size_t end = std::min(document.find('\n', at), document.size());
        std::string text = document.substr(at, end - at);
        at = end + 1;
        ++number;
        if (text.starts_with("```")) {
            fence = fence.empty() ? text.substr(3) + "." : "";
            continue;
        }
        lines.push_back({number, std::move(text), fence});
    }
    return lines;
}

/// As the forge makes an anchor of a heading.
std::string anchor_of(std::string_view heading) {
    std::string anchor;
    for (const char c : heading) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || byte >= 0x80) {
            anchor += static_cast<char>(std::tolower(byte));
        } else if (c == ' ') {
            anchor += '-';
        }
    }
    return anchor;
}

/// What a line says as a heading; empty where it is none.
std::string_view heading_of(const line& from) {
    const std::size_t level = from.text.find_first_not_of('#');
    if (!from.fence.empty() || level == 0 || level == std::string::npos) return {};
    if (from.text[level] != ' ') return {};
    return std::string_view(from.text).substr(level + 1);
}

std::set<std::string> anchors_of(const std::string& document) {
    std::set<std::string> anchors;
    for (const line& each : lines_of(document)) {
        const std::string_view heading = heading_of(each);
        if (!heading.empty()) anchors.insert(anchor_of(heading));
    }
    return anchors;
}

bool exists(const std::string& path, const paths& all) {
    if (path.find('*') == std::string::npos) {
        return all.contains(path) || all.contains(path + "/");
    }
    std::string pattern;
    for (const char c : path) {
        if (c == '*') {
            pattern += "[^/]*";
        } else if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            pattern += c;
        } else {
            pattern += std::string("\\") + c;
        }
    }
    const std::regex shape(pattern);
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& each) { return std::regex_match(each, shape); });
}

bool is_named_path(std::string_view word) {
    const bool known = std::any_of(folders.begin(), folders.end(),
                                   [&](std::string_view each) { return word.starts_with(each); });
    return known && std::all_of(word.begin(), word.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                      std::string_view("_./-*").find(c) != std::string_view::npos;
           });
}

class reader {
public:
    reader(const tree& documents, const paths& all, std::vector<finding>& findings)
        : documents_(documents), all_(all), findings_(findings) {}

    void read(const std::string& path, const std::string& text) {
        path_ = path;
        // Of what was decided once, and of what has changed, the files may be gone.
        const bool is_history = path == "CHANGELOG.md" || path.starts_with("docs/decisions/0");
        std::map<std::string, int> headings;
        for (const line& each : lines_of(text)) {
            number_ = each.number;
            if (each.fence.empty()) {
                links(each.text);
                if (!is_history) spans(each.text);
                if (path != "CHANGELOG.md") occurs_once(each, headings);
            } else if (each.fence == "sh.") {
                words(each.text);
            }
        }
    }

    /// From where to where; only documents.
    const std::map<std::string, std::set<std::string>>& ways() const { return ways_; }

private:
    void report(std::string rule, std::string reason) {
        findings_.push_back({path_, number_, std::move(rule), std::move(reason)});
    }

    void occurs_once(const line& each, std::map<std::string, int>& headings) {
        const std::string_view heading = heading_of(each);
        if (heading.empty()) return;
        const auto [first, is_new] = headings.try_emplace(anchor_of(heading), each.number);
        if (is_new) return;
        report("heading", std::string(heading) + ": so is line " + std::to_string(first->second));
    }

    void links(const std::string& text) {
        static const std::regex link(R"(\]\(([^)\s]+)\))");
        for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
            follow((*at)[1].str());
        }
    }

    void follow(const std::string& target) {
        static const std::regex elsewhere("[a-z]+:.*");
        if (std::regex_match(target, elsewhere)) return;
        const std::size_t hash = std::min(target.find('#'), target.size());
        const std::string file = target.substr(0, hash);
        const auto folder = std::filesystem::path(path_).parent_path();
        const std::string to =
            file.empty() ? path_ : (folder / file).lexically_normal().generic_string();
        if (!exists(to, all_)) {
            report("link", target + ": there is no " + to);
            return;
        }
        // Of a folder its README.md is shown.
        const std::string shown = to.ends_with('/') ? to + "README.md" : to;
        ways_[path_].insert(shown);
        if (hash == target.size()) return;
        const auto document = documents_.find(to);
        if (document == documents_.end() ||
            !anchors_of(document->second).contains(target.substr(hash + 1))) {
            report("link", target + ": no heading of " + to + " is called so");
        }
    }

    void spans(const std::string& text) {
        static const std::regex span("`([^`\\s]+)[^`]*`");
        for (std::sregex_iterator at(text.begin(), text.end(), span), end; at != end; ++at) {
            named((*at)[1].str());
        }
    }

    void words(const std::string& text) {
        static const std::regex word(R"(\S+)");
        for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
            named(at->str());
        }
    }

    void named(std::string path) {
        if (path.starts_with("conduit/")) path.erase(0, std::string_view("conduit/").size());
        if (is_named_path(path) && !exists(path, all_)) report("path", "there is no " + path);
    }

    const tree& documents_;
    const paths& all_;
    std::vector<finding>& findings_;
    std::string path_;
    int number_ = 0;
    std::map<std::string, std::set<std::string>> ways_;
};

std::set<std::string> reached_from(std::string start,
                                   const std::map<std::string, std::set<std::string>>& ways) {
    std::set<std::string> reached;
    std::vector<std::string> next = {std::move(start)};
    while (!next.empty()) {
        const std::string here = next.back();
        next.pop_back();
        if (!reached.insert(here).second) continue;
        const auto out = ways.find(here);
        if (out != ways.end()) next.insert(next.end(), out->second.begin(), out->second.end());
    }
    return reached;
}

}  // namespace

std::vector<finding> check_documents(const tree& documents, const paths& all) {
    std::vector<finding> findings;
    reader documents_reader(documents, all, findings);
    for (const auto& [path, text] : documents) documents_reader.read(path, text);
    const auto reached = reached_from("README.md", documents_reader.ways());
    for (const auto& [path, text] : documents) {
        if (path.starts_with("docs/") && !reached.contains(path)) {
            findings.push_back({path, 1, "orphan", "no document links to it, from README.md on"});
        }
    }
    return findings;
}

std::vector<finding> check_named_documents(const tree& sources, const paths& all) {
    static const std::regex document(R"(\bdocs/[A-Za-z0-9_/.-]+\.(md|[1-8])\b)");
    std::vector<finding> findings;
    for (const auto& [path, text] : sources) {
        for (const line& each : lines_of(text)) {
            if (each.text.find("docs/") == std::string::npos) continue;  // regex is slow
            std::sregex_iterator at(each.text.begin(), each.text.end(), document);
            for (const std::sregex_iterator end; at != end; ++at) {
                if (!exists(at->str(), all)) {
                    findings.push_back({path, each.number, "path", "there is no " + at->str()});
                }
            }
        }
    }
    return findings;
}

}  // namespace conduit::tidy
