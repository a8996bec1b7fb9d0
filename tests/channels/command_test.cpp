// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/command.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/runtime/as_task.hpp>

#include <sys/prctl.h>

#include <cstdlib>
#include <string>

using namespace conduit;

CO_TEST_CASE("arguments arrive as they are, without a shell", "[channels][command]") {
    test::needs_processes();
    command print("printf", "%s|", "a b", "$HOME", "*");
    print.argument("");
    auto done = co_await run(std::move(print));
    REQUIRE(done.value().output == "a b|$HOME|*||");
}

CO_TEST_CASE("a program has this process's environment with changes", "[channels][command]") {
    test::needs_processes();
    ::setenv("CONDUIT_TEST_GONE", "still here", 1);
    ::setenv("CONDUIT_TEST_KEPT", "kept", 1);
    ::setenv("CONDUIT_TEST_NEW", "old", 1);
    command show("sh", "-c", "echo $CONDUIT_TEST_GONE,$CONDUIT_TEST_KEPT,$CONDUIT_TEST_NEW");
    show.without("CONDUIT_TEST_GONE").environment("CONDUIT_TEST_NEW", "new");
    auto changed = co_await run(std::move(show));
    command clean("/usr/bin/env");
    clean.clean_environment().environment("ONLY", "this");
    auto alone = co_await run(std::move(clean));
    REQUIRE(changed.value().output == ",kept,new\n");
    REQUIRE(alone.value().output == "ONLY=this\n");
}

CO_TEST_CASE("a program works in the folder it is given", "[channels][command]") {
    test::needs_processes();
    const test::temp_dir folder;
    command show("pwd");
    show.working_folder(folder.path());
    auto done = co_await run(std::move(show));
    REQUIRE(done.value().output == folder.path() + "\n");
}

CO_TEST_CASE("a name is searched in the PATH that the program will have", "[channels][command]") {
    test::needs_processes();
    command lost("true");
    lost.environment("PATH", "/nonexistent:relative:");
    start_failure why;
    auto missing = start(std::move(lost), &why);
    command found("true");
    found.environment("PATH", "/nonexistent::/usr/bin:/bin");
    auto done = co_await run(std::move(found));
    REQUIRE(done.value().ok());
    REQUIRE(missing.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why.path == "true");
}

CO_TEST_CASE("further descriptors are passed on by their numbers", "[channels][command]") {
    test::needs_processes();
    auto [in, out] = make_pipe().value();
    command say("sh", "-c", "echo hello >&7");
    say.handle(7, redirect::channel(std::move(out)));
    auto done = co_await run(std::move(say));
    std::array<std::byte, 16> buffer{};
    auto got = co_await in.read_some(buffer);
    auto end = co_await in.read_some(buffer);
    REQUIRE(done.value().ok());
    REQUIRE(got.value() == 6);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a program can be kept from gaining privileges", "[channels][command]") {
    test::needs_processes();
    command show("grep", "NoNewPrivs", "/proc/self/status");
    show.no_new_privileges();
    auto restricted = co_await run(std::move(show));
    auto other = co_await run(command("grep", "NoNewPrivs", "/proc/self/status"));
    const int here = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);  // 1 under a seccomp filter
    REQUIRE(restricted.value().output == "NoNewPrivs:\t1\n");
    REQUIRE(other.value().output == "NoNewPrivs:\t" + std::to_string(here) + "\n");
}

CO_TEST_CASE("a byte 0 in any word is refused rather than cut off", "[channels][command]") {
    test::needs_processes();
    const std::string bad("a\0b", 3);
    auto program = start(command(bad));
    auto argument = start(command("true", bad));
    command folder("true");
    folder.working_folder(bad);
    auto in_folder = start(std::move(folder));
    command variable("true");
    variable.environment("A", bad);
    auto in_variable = start(std::move(variable));
    command name("true");
    name.environment("A=B", "C");
    auto in_name = start(std::move(name));
    REQUIRE(program.error() == std::errc::invalid_argument);
    REQUIRE(argument.error() == std::errc::invalid_argument);
    REQUIRE(in_folder.error() == std::errc::invalid_argument);
    REQUIRE(in_variable.error() == std::errc::invalid_argument);
    REQUIRE(in_name.error() == std::errc::invalid_argument);
    co_return;
}
