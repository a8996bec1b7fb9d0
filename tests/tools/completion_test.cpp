// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/completion.hpp"

#include "../../tools/conduit/command_line.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "conduit_program.hpp"

#include <conduit/channels/pipeline.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace conduit;
using test::program_end;
using test::run_conduit;

namespace {

/// What bash offers for the last of some words.
task<std::string> completed_by_bash(std::string words) {
    const std::string script =
        tool::completion_script("bash") + "COMP_WORDS=(conduit " + words +
        ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_conduit\necho \"${COMPREPLY[*]}\"\n";
    auto done = co_await run(command("bash", "-c", script));
    CHECK(done.value().ok());
    co_return done->output;
}

}  // namespace

CO_TEST_CASE("bash completes verbs, options and shells", "[tools][completion]") {
    test::needs_processes();
    const auto verb = co_await completed_by_bash("wai");
    const auto verbs = co_await completed_by_bash("''");
    const auto option = co_await completed_by_bash("call --js");
    const auto shell = co_await completed_by_bash("completion z");
    CHECK(verb == "waits\n");
    CHECK(verbs ==
          "list lookup find watch waits describe call health stats doctor completion "
          "--help --version\n");
    CHECK(option == "--json\n");
    CHECK(shell == "zsh\n");
}

CO_TEST_CASE("each shell has its script, and no other", "[tools][completion]") {
    const auto bash = co_await run_conduit("completion", "bash");
    const auto zsh = co_await run_conduit("completion", "zsh");
    const auto fish = co_await run_conduit("completion", "fish");
    const auto other = co_await run_conduit("completion", "csh");
    CHECK(bash == program_end{0, tool::completion_script("bash"), ""});
    CHECK_THAT(zsh.out, Catch::Contains("bashcompinit") && Catch::EndsWith("conduit conduit\n"));
    CHECK_THAT(fish.out, Catch::Contains("-a lookup -d 'Print who offers a name now'"));
    CHECK(other == program_end{2, "", "conduit: completion: expected bash, zsh or fish\n"});
}

TEST_CASE("no text in a script for fish needs quoting", "[tools][completion]") {
    for (const tool::verb_words& each : tool::known_words()) {
        CHECK(each.text.find_first_of("'\\") == std::string::npos);
    }
}
