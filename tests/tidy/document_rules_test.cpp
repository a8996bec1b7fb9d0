// SPDX-License-Identifier: BSL-1.0
//
// The documents name only what exists, and each of these rules can fail.

#include "document_rules.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace conduit::tidy;

namespace {

std::string contents_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// All of the project but what is built and what belongs to the version control.
struct project {
    paths all;
    tree documents;
    tree sources;
};

project read_project(const std::filesystem::path& root) {
    project read;
    for (auto at = std::filesystem::recursive_directory_iterator(root);
         at != std::filesystem::recursive_directory_iterator(); ++at) {
        const std::string path = at->path().lexically_relative(root).generic_string();
        if (at->is_directory()) {
            if (path == "build" || path == ".git") {
                at.disable_recursion_pending();
            } else {
                read.all.insert(path + "/");
            }
            continue;
        }
        read.all.insert(path);
        if (path.ends_with(".md")) read.documents[path] = contents_of(at->path());
        constexpr std::array<std::string_view, 4> extensions = {".hpp", ".cpp", ".sh", ".cmake"};
        for (const auto extension : extensions) {
            if (path.ends_with(extension) && path != "tests/tidy/document_rules_test.cpp") {
                read.sources[path] = contents_of(at->path());
            }
        }
    }
    return read;
}

std::vector<std::string> said(const std::vector<finding>& findings) {
    std::vector<std::string> lines;
    for (const finding& each : findings) lines.push_back(to_string(each));
    return lines;
}

const paths small_project = {"README.md",          "docs/",   "docs/guide/", "docs/guide/a.md",
                             "docs/guide/b.md",    "rpc/",    "rpc/a.hpp",   "scripts/",
                             "scripts/two_one.sh", "LICENSE", "docs/x.md"};

/// What is wrong with a README.md of this text, beside a guide that it links to.
std::vector<std::string> wrong_with(const std::string& text) {
    return said(check_documents({{"README.md", text + "[](docs/guide/a.md)\n"},
                                 {"docs/guide/a.md", "# The first\n\n## `b`: how, and why\n"}},
                                small_project));
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("every link, heading and path in the documents exists", "[tidy][docs]") {
    const project here = read_project(CONDUIT_SOURCE_DIR);
    REQUIRE(here.documents.contains("README.md"));
    REQUIRE(here.documents.size() > 30);
    const auto findings = check_documents(here.documents, here.all);
    for (const std::string& each : said(findings)) std::cout << each << '\n';
    CHECK(findings.empty());
}

TEST_CASE("every document that a source names exists", "[tidy][docs]") {
    const project here = read_project(CONDUIT_SOURCE_DIR);
    REQUIRE(here.sources.size() > 500);
    const auto findings = check_named_documents(here.sources, here.all);
    for (const std::string& each : said(findings)) std::cout << each << '\n';
    CHECK(findings.empty());
}

TEST_CASE("a link to what is not there is found", "[tidy][docs]") {
    CHECK(wrong_with("[a](docs/guide/c.md)\n") ==
          lines{"README.md:1: docs/guide/c.md: there is no docs/guide/c.md [link]"});
    CHECK(wrong_with("a\n\nsee [b](LICENSE) and [c](rpc/b.hpp).\n") ==
          lines{"README.md:3: rpc/b.hpp: there is no rpc/b.hpp [link]"});
    CHECK(wrong_with("[a](rpc), [b](rpc/), [c](rpc/a.hpp), [d](https://example.org/x)\n").empty());
    CHECK(wrong_with("```cpp\nauto [a](docs/c.md);\n```\n").empty());

    const auto below = check_documents({{"README.md", "[](docs/guide/a.md)"},
                                        {"docs/guide/a.md", "[](../../LICENSE) [](LICENSE)\n"}},
                                       small_project);
    CHECK(said(below) ==
          lines{"docs/guide/a.md:1: LICENSE: there is no docs/guide/LICENSE [link]"});
}

TEST_CASE("a link to a heading that is not there is found", "[tidy][docs]") {
    CHECK(wrong_with("[a](docs/guide/a.md#the-first)\n").empty());
    CHECK(wrong_with("[a](docs/guide/a.md#b-how-and-why)\n").empty());
    CHECK(wrong_with("[a](docs/guide/a.md#the-second)\n") ==
          lines{"README.md:1: docs/guide/a.md#the-second: no heading of docs/guide/a.md is called "
                "so [link]"});
    CHECK(wrong_with("# One\n[a](#one)\n").empty());
    CHECK(wrong_with("```sh\n# One\n```\n[a](#one)\n").size() == 1);
}

TEST_CASE("a heading that occurs twice in a document is found", "[tidy][docs]") {
    CHECK(wrong_with("# One\n\n## The demo\n\n### The demo!\n") ==
          lines{"README.md:5: The demo!: so is line 3 [heading]"});
    CHECK(wrong_with("# The first\n```sh\n# The first\n```\n#hash\n#hash\n").empty());
    CHECK(wrong_with("# The first\n\n## The second\n").empty());
    const auto of_versions =
        check_documents({{"README.md", "[](CHANGELOG.md)"}, {"CHANGELOG.md", "# 1\n# 1\n"}},
                        {"README.md", "CHANGELOG.md"});
    CHECK(said(of_versions).empty());
}

TEST_CASE("a path in backticks or in a block for the shell that is not there is found",
          "[tidy][docs]") {
    CHECK(wrong_with("`rpc/a.hpp`, `conduit/rpc/a.hpp`, `rpc/`, `rpc/*.hpp`\n").empty());
    CHECK(wrong_with("`a/b`, `rpc/<noun>.hpp`, `build/x`\n").empty());
    CHECK(wrong_with("`rpc/b.hpp`\n") == lines{"README.md:1: there is no rpc/b.hpp [path]"});
    CHECK(wrong_with("`rpc/*.cpp`\n") == lines{"README.md:1: there is no rpc/*.cpp [path]"});
    CHECK(wrong_with("`scripts/one.sh --quick`\n") ==
          lines{"README.md:1: there is no scripts/one.sh [path]"});
    CHECK(wrong_with("```sh\nscripts/two_one.sh\nscripts/one.sh\n```\n") ==
          lines{"README.md:3: there is no scripts/one.sh [path]"});
    CHECK(wrong_with("```cpp\n`rpc/b.hpp`\n```\n").empty());
}

TEST_CASE("a document that no other leads to is found", "[tidy][docs]") {
    const tree documents = {{"README.md", "[](docs/guide/a.md)"},
                            {"docs/guide/a.md", ""},
                            {"docs/guide/b.md", "[](../x.md)"},
                            {"docs/x.md", "[](guide/b.md)"}};
    CHECK(said(check_documents(documents, small_project)) ==
          lines{"docs/guide/b.md:1: no document links to it, from README.md on [orphan]",
                "docs/x.md:1: no document links to it, from README.md on [orphan]"});
    const auto of_folder = check_documents(
        {{"README.md", "[](docs/d/)"}, {"docs/d/README.md", "[](a.md)"}, {"docs/d/a.md", ""}},
        {"README.md", "docs/", "docs/d/", "docs/d/README.md", "docs/d/a.md"});
    CHECK(said(of_folder).empty());
}

TEST_CASE("what was decided or changed once may name what is gone", "[tidy][docs]") {
    const auto findings = check_documents(
        {{"CHANGELOG.md", "`rpc/b.hpp`\n"},
         {"docs/decisions/0001-a.md", "`rpc/b.hpp`\n"},
         {"README.md", "[](CHANGELOG.md) [](docs/decisions/0001-a.md)\n"}},
        {"README.md", "CHANGELOG.md", "docs/", "docs/decisions/", "docs/decisions/0001-a.md"});
    CHECK(said(findings).empty());
}

TEST_CASE("a comment that names a document that is not there is found", "[tidy][docs]") {
    const tree sources = {
        {"rpc/a.hpp", "// see docs/guide/a.md.\n// see docs/guide/c.md, and docs/man/conduit.1\n"}};
    CHECK(said(check_named_documents(sources, small_project)) ==
          lines{"rpc/a.hpp:2: there is no docs/guide/c.md [path]",
                "rpc/a.hpp:2: there is no docs/man/conduit.1 [path]"});
}
