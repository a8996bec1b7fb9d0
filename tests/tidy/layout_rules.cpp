// SPDX-License-Identifier: BSL-1.0

#include "rules.hpp"

#include <algorithm>
#include <set>

namespace conduit::tidy {
namespace {

// Headers whose test has another name; each needs a reason.
const std::map<std::string, std::string>& tested_elsewhere() {
    static const std::map<std::string, std::string> names = {};
    return names;
}

std::string test_of(const std::string& header) {
    const auto elsewhere = tested_elsewhere().find(header);
    if (elsewhere != tested_elsewhere().end()) {
        return elsewhere->second;
    }
    return "tests/" + header.substr(0, header.size() - 4) + "_test.cpp";
}

std::ptrdiff_t line_count(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

void check_layout(const tree& files, std::vector<finding>& findings) {
    std::set<std::string> layers;
    for (const auto& [path, text] : files) {
        const source file(path, "", findings);
        if (file.is_library()) {
            layers.insert(path.substr(0, path.find('/')));
        }
        if (file.is_public_header() && !files.contains(test_of(path))) {
            file.report(1, "header-test", "a public header has its test, " + test_of(path));
        }
    }
    for (const std::string& layer : layers) {
        if (!files.contains(layer + "/README.md")) {
            findings.push_back({layer + "/README.md", 1, "layer-readme",
                                "a layer's folder says what it promises, and what to read first"});
        }
    }
    const auto contributing = files.find("CONTRIBUTING.md");
    if (contributing != files.end() && line_count(contributing->second) > 80) {
        findings.push_back(
            {contributing->first, 81, "contributing", "at most 80 lines, or nobody reads it"});
    }
}

}  // namespace conduit::tidy
