// SPDX-License-Identifier: BSL-1.0
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/tls_certificates.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

using namespace conduit;
using test::program_end;
using test::run_conduit;

namespace {

/// A terminal, at whose other end the program stands.
struct terminal {
    terminal() : here(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        REQUIRE(here.is_open());
        REQUIRE(::grantpt(here.native().value()) == 0);
        REQUIRE(::unlockpt(here.native().value()) == 0);
        std::array<char, 64> name{};
        REQUIRE(::ptsname_r(here.native().value(), name.data(), name.size()) == 0);
        there = unique_fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    }

    /// What was printed, once nobody holds the other end.
    std::string printed() const {
        std::string all;
        std::array<char, 1024> some{};
        for (;;) {
            const ssize_t got = ::read(here.native().value(), some.data(), some.size());
            if (got <= 0) return all;
            all.append(some.data(), static_cast<std::size_t>(got));
        }
    }

    unique_fd here;
    unique_fd there;
};

constexpr std::array signals{SIGINT, SIGTERM};

/// What `conduit health ADDRESS` prints on a terminal.
task<std::string> health_on_terminal(std::string where, std::string variable, std::string value) {
    terminal screen;
    command program = test::conduit_command("health", where);
    program.output(redirect::handle(std::move(screen.there)));
    program.environment("TERM", "xterm");
    program.environment(std::move(variable), std::move(value));
    const auto ended = co_await test::run_to_end(std::move(program));
    CHECK(ended.code == 0);
    co_return screen.printed();
}

task<program_end> run_on_full_disk(command program) {
    program.output(redirect::append_to("/dev/full"));
    program.error_output(redirect::capture());
    return test::run_to_end(std::move(program));
}

}  // namespace

CO_TEST_CASE("colours are for terminals, and for those who want them", "[tools]") {
    test::served_calculator there;
    co_await there.listen();
    const std::string strong = "\033[1mSERVICE             STATE\033[0m";
    const auto on_terminal = co_await health_on_terminal(there.where, "X", "1");
    const auto no_colour = co_await health_on_terminal(there.where, "NO_COLOR", "1");
    const auto dumb = co_await health_on_terminal(there.where, "TERM", "dumb");
    const auto in_pipe = co_await run_conduit("health", there.where);
    const auto always = co_await run_conduit("health", there.where, "--colour", "always");
    CHECK_THAT(on_terminal, Catch::StartsWith(strong));
    CHECK_THAT(no_colour, Catch::StartsWith("SERVICE "));
    CHECK_THAT(dumb, Catch::StartsWith("SERVICE "));
    CHECK_THAT(in_pipe.out, Catch::StartsWith("SERVICE "));
    CHECK_THAT(always.out, Catch::StartsWith(strong));
}

CO_TEST_CASE("SIGINT and SIGTERM end a call cleanly", "[tools][cancel]") {
    test::served_calculator there;
    co_await there.listen();
    for (const int signal : signals) {
        command program = test::conduit_command("call", there.where, "wait", "x");
        program.error_output(redirect::to_output());
        auto child = start(std::move(program)).value();
        co_await there.object.waiting.wait();
        there.object.waiting.reset();
        child.signal(signal).value();
        auto printed = co_await read_all(child, 1000);
        auto ended = co_await child.exited();
        co_await there.object.idle.wait();
        there.object.idle.reset();
        CHECK(printed.value().empty());
        CHECK(ended.value().code == 128 + signal);
        CHECK(there.object.running == 0);  // the server was told
    }
}

CO_TEST_CASE("a reader that has enough ends the program quietly", "[tools]") {
    test::served_calculator there;
    co_await there.listen();
    auto ends = make_pipe();
    auto [in, out] = std::move(ends.value());
    command program = test::conduit_command("call", there.where, "count", "0", "1000000");
    program.output(redirect::channel(std::move(out)));
    program.error_output(redirect::capture());
    auto running = scope.spawn(test::run_to_end(std::move(program)));
    std::array<std::byte, 2> first{};
    auto got = co_await read_exact(in, std::span(first));
    in.close();
    const auto ended = co_await std::move(running);
    CHECK(got);
    CHECK(ended == program_end{0, "", ""});
}

CO_TEST_CASE("output that cannot be written is a failure", "[tools][fault]") {
    test::served_calculator there;
    co_await there.listen();
    command program = test::conduit_command("list", "--at", there.where);
    const auto listed = co_await run_on_full_disk(std::move(program));
    command other = test::conduit_command("completion", "bash");
    const auto script = co_await run_on_full_disk(std::move(other));
    const program_end full{1, "", "conduit: standard output: No space left on device\n"};
    CHECK(listed == full);
    CHECK(script == full);
}

CO_TEST_CASE("a standard stream that is closed is not taken for another file", "[tools][fault]") {
    test::needs_processes();
    test::served_calculator there;
    co_await there.listen();
    const std::string script = "exec \"$0\" \"$@\" ";
    command no_output("sh", "-c", script + ">&-", CONDUIT_COMMAND, "list", "--at", there.where);
    no_output.error_output(redirect::capture());
    const auto unprinted = co_await test::run_to_end(std::move(no_output));
    command no_input("sh", "-c", script + "<&-", CONDUIT_COMMAND, "call", there.where, "mean");
    no_input.error_output(redirect::capture());
    const auto unread = co_await test::run_to_end(std::move(no_input));
    CHECK(unprinted.code == 1);
    CHECK_THAT(unprinted.err, Catch::StartsWith("conduit: standard output: "));
    CHECK(unread.code == 1);
    CHECK_THAT(unread.err, Catch::Contains("standard input: "));
}

CO_TEST_CASE("a server that says nothing is given up after a while", "[tools][hostile]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    auto listener = unix_listener::listen(folder.path("s")).value();  // and never accepts
    const auto said = co_await run_conduit("list", "--at", where, "--timeout", "50ms");
    CHECK(said.code == 4);
    CHECK_THAT(said.err, Catch::StartsWith("conduit: deadline_exceeded: "));
}

CO_TEST_CASE("errors of servers cannot steer the terminal", "[tools][hostile]") {
    test::served_calculator there;
    co_await there.listen();
    const auto said = co_await run_conduit("call", there.where, "\033[2J", "1");
    const auto address = co_await run_conduit("list", "--at", "unix:\033[2J");
    CHECK(said.code == 3);
    CHECK(said.err.find('\033') == std::string::npos);
    CHECK(address.err.find('\033') == std::string::npos);
}

CO_TEST_CASE("other users' servers are refused unless they are named", "[tools]") {
    const auto number = co_await run_conduit("list", "--at", "unix:/x", "--server-user", "0");
    const auto nobody =
        co_await run_conduit("list", "--at", "unix:/x", "--server-user", "no such user");
    CHECK(number.code == 3);
    CHECK(nobody == program_end{2, "", "conduit: --server-user: there is no user no such user\n"});
}

CO_TEST_CASE("conduit speaks TLS with a server that it is told to trust", "[tools][tls]") {
    test::needs_processes();
    const test::tls_world world;
    const test::temp_dir folder;
    std::ofstream(folder.path("root.pem")) << world.root().certificate;
    rpc::test::local_calculator object;
    rpc::server server(rpc::server_options().tls(world.server()));
    server.offer<rpc::test::calculator>(object);
    const std::string any_port = "tcp:127.0.0.1:0";
    const address listening = co_await server.listen(any_port);
    const std::string where = to_string(listening);
    const std::string root = folder.path("root.pem");
    const auto sum = co_await run_conduit("call", where, "add", "1", "2", "--tls-trust", root);
    const auto named = co_await run_conduit("call", where, "add", "1", "2", "--tls-trust", root,
                                            "--tls-name", "other.example");
    const auto bare = co_await run_conduit("call", where, "add", "1", "2");
    const auto missing = co_await run_conduit("call", where, "add", "1", "2", "--tls-trust",
                                              folder.path("none.pem"));
    CHECK(sum == program_end{0, "3.0\n", ""});
    CHECK(named.code == 3);
    CHECK_THAT(named.err, Catch::Contains("TLS: "));
    CHECK(bare.code == 3);
    CHECK(missing.code == 2);
    CHECK_THAT(missing.err, Catch::StartsWith("conduit: TLS: ") && Catch::Contains("none.pem"));
}

CO_TEST_CASE("the program says how it is used", "[tools]") {
    const auto nothing = co_await run_conduit();
    const auto version = co_await run_conduit("--version");
    const auto help = co_await run_conduit("watch", "--help");
    CHECK(nothing.code == 2);
    CHECK_THAT(nothing.err, Catch::StartsWith("conduit: "));
    CHECK(version.code == 0);
    CHECK_THAT(version.out, Catch::StartsWith("conduit 0."));
    CHECK(help.code == 0);
    CHECK_THAT(help.out, Catch::Contains("--timeout"));
}

CO_TEST_CASE("with --json what is wrong with a command line is an object as well", "[tools]") {
    const auto ended = co_await run_conduit("list", "--json", "--nonsense");
    REQUIRE(ended.code == 2);
    REQUIRE(ended.out.empty());
    REQUIRE(ended.err.find("{\"error\": {\"exit\": 2, \"text\": \"") == 0);
    REQUIRE(ended.err.find("--nonsense") != std::string::npos);
}
