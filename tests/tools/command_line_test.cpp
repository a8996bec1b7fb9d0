// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/command_line.hpp"

#include "../../tools/conduit/commands.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace conduit::tool;
using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

request read(const texts& words) {
    const command_line given = read_command_line(words);
    INFO(given.text);
    REQUIRE(given.wanted);
    return *given.wanted;
}

std::string refusal_of(const texts& words) {
    const command_line given = read_command_line(words);
    CHECK_FALSE(given.wanted);
    CHECK(given.code == exit_code::usage);
    return given.text;
}

}  // namespace

TEST_CASE("options may stand anywhere behind the verb", "[tools]") {
    const request asked = read({"call", "--json", "a.b", "1", "--timeout", "250ms", "-5", "--at",
                                "unix:/run/x", "--tag", "x", "2", "--tag", "y"});
    CHECK(asked.verb == "call");
    CHECK(asked.words == texts{"a.b", "1", "-5", "2"});
    CHECK(asked.json);
    CHECK(asked.timeout == std::optional<conduit::clock::duration>(250ms));
    CHECK(asked.at == "unix:/run/x");
    CHECK(asked.tags == texts{"x", "y"});
}

TEST_CASE("words are taken as they are", "[tools]") {
    CHECK(read({"call", "a.b", "[1,2]", "[]", "{\"a\": [1]}", "[x"}).words ==
          texts{"a.b", "[1,2]", "[]", "{\"a\": [1]}", "[x"});
    CHECK(read({"call", "a.b", "list", "a=b", ""}).words == texts{"a.b", "list", "a=b", ""});
    CHECK(read({"call", "a.b", "--", "--json", "-x"}).words == texts{"a.b", "--json", "-x"});
    CHECK_FALSE(read({"call", "a.b", "--", "--json"}).json);
}

TEST_CASE("versions and times are read, or refused with a sentence", "[tools]") {
    const auto version = read({"lookup", "a", "--interface-version", "2.7"}).version;
    REQUIRE(version);
    CHECK(*version == conduit::rpc::interface_version{2, 7});
    CHECK(read({"lookup", "a", "--interface-version", "2"}).version->minor == 0);
    for (const char* wrong : {"2.", "x", "2.7.1", "-1", "2,7"}) {
        CHECK_THAT(refusal_of({"lookup", "a", "--interface-version", wrong}),
                   Catch::Contains("expected a version such as 1.2"));
    }
    CHECK_THAT(refusal_of({"list", "--timeout", "soon"}),
               Catch::Contains("expected a time such as 250ms"));
}

TEST_CASE("what is no command line is refused", "[tools]") {
    CHECK_THAT(refusal_of({}), Catch::Contains("subcommand"));
    CHECK_THAT(refusal_of({"fetch"}), Catch::StartsWith("conduit: "));
    CHECK_THAT(refusal_of({"list", "--jsn"}), Catch::Contains("--jsn"));
    CHECK_THAT(refusal_of({"list", "--\033[2J"}), Catch::Contains("--\\x1b[2J"));
    CHECK_THAT(refusal_of({"list", "--tls-key", "file"}), Catch::Contains("--tls-certificate"));
    CHECK_THAT(refusal_of({"list", "--colour", "green"}), Catch::Contains("green"));
}

TEST_CASE("help and version are no failures", "[tools]") {
    const command_line version = read_command_line({"--version"});
    CHECK_FALSE(version.wanted);
    CHECK(version.code == exit_code::ok);
    CHECK_THAT(version.text, Catch::StartsWith("conduit 0."));
    const command_line help = read_command_line({"call", "--help"});
    CHECK(help.code == exit_code::ok);
    CHECK_THAT(help.text, Catch::Contains("--timeout") && Catch::Contains("standard input"));
}

TEST_CASE("every verb of the command line does something", "[tools]") {
    for (const verb_words& each : known_words()) {
        INFO(each.name);
        CHECK((each.name == "completion" || command_named(each.name) != nullptr));
        CHECK_FALSE(each.text.empty());
    }
    CHECK(command_named("fetch") == nullptr);
}

TEST_CASE("with --json a command line that is not understood is an error of one line", "[tools]") {
    const command_line given = read_command_line({"lookup", "a", "--json", "--nonsense"});
    CHECK_FALSE(given.wanted);
    CHECK(given.code == exit_code::usage);
    CHECK(given.json);
    CHECK_THAT(given.text, Catch::Contains("--nonsense"));
    CHECK(given.text.find('\n') == std::string::npos);
    CHECK_FALSE(read_command_line({"lookup", "a", "--nonsense"}).json);
    CHECK_FALSE(read_command_line({"lookup", "--nonsense", "--", "--json"}).json);
    CHECK_FALSE(read_command_line({"lookup", "--json", "--help"}).json);
}
