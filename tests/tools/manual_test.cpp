// SPDX-License-Identifier: BSL-1.0
//
// The manual pages and the reference name all there is, as the program itself tells of it.

#include "../../tools/conduit/command_line.hpp"

#include "../support/child.hpp"
#include "../support/co_test.hpp"

#include <conduit/channels/pipeline.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

using namespace conduit;

namespace {

std::string text_of(const std::string& path) {
    std::ifstream in(std::string(CONDUIT_SOURCE_DIR) + "/" + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// As a manual page writes it: "\-\-json".
std::string in_manual(const std::string& option) {
    std::string text;
    for (const char c : option) text += c == '-' ? std::string("\\-") : std::string(1, c);
    return text;
}

/// Every "--word" in a text.
std::set<std::string> options_in(const std::string& text) {
    const std::regex option("--[a-z][a-z-]*");
    std::set<std::string> options;
    for (std::sregex_iterator at(text.begin(), text.end(), option), end; at != end; ++at) {
        options.insert(at->str());
    }
    return options;
}

}  // namespace

TEST_CASE("the manual page of conduit names each verb and option", "[tools][docs]") {
    const std::string page = text_of("docs/man/conduit.1");
    REQUIRE_FALSE(page.empty());
    for (const auto& verb : conduit::tool::known_words()) {
        CHECK_THAT(page, Catch::Contains("\n.B conduit " + verb.name) ||
                             Catch::Contains("\n.BR \"conduit " + verb.name));
        for (const std::string& option : verb.options) {
            CHECK_THAT(page, Catch::Contains(in_manual(option)));
        }
    }
}

TEST_CASE("the reference of the command line names each verb and option", "[tools][docs]") {
    const std::string page = text_of("docs/reference/command-line.md");
    REQUIRE_FALSE(page.empty());
    for (const auto& verb : conduit::tool::known_words()) {
        CHECK_THAT(page, Catch::Contains("`conduit " + verb.name));
        for (const std::string& option : verb.options) CHECK_THAT(page, Catch::Contains(option));
    }
}

CO_TEST_CASE("the manual and the reference name each option of conduitd", "[tools][docs]") {
    test::needs_processes();
    auto done = co_await run(command(CONDUITD, "--help"));
    const std::set<std::string> options = options_in(done.value().output);
    CHECK(options.size() >= 9);
    const std::string manual = text_of("docs/man/conduitd.8");
    for (const std::string& each : options) CHECK_THAT(manual, Catch::Contains(in_manual(each)));
    const std::string reference = text_of("docs/reference/command-line.md");
    const std::size_t chapter = reference.find("\n# conduitd\n");
    REQUIRE(chapter != std::string::npos);
    CHECK(options_in(reference.substr(chapter)) == options);
    // The guide leaves the list to the reference, and names no other options.
    const std::string guide = text_of("docs/guide/matchmaker.md");
    CHECK_THAT(guide, Catch::Contains("../reference/command-line.md#conduitd"));
    const std::regex named("`--[a-z][a-z-]*|conduitd --[a-z][a-z-]*");
    for (std::sregex_iterator at(guide.begin(), guide.end(), named), end; at != end; ++at) {
        const std::set<std::string> one = options_in(at->str());
        CHECK(options.contains(*one.begin()));
    }
}
