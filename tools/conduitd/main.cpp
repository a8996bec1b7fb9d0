// SPDX-License-Identifier: BSL-1.0
//
// conduitd: the matchmaker as a daemon. `conduitd --help` says the rest, conduitd(8) all of it.

#include "daemon.hpp"

#include <conduit/runtime/log.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <string>
#include <string_view>

namespace {

void print(conduit::log_level level, std::string_view line) {
    std::string text = "conduitd: ";
    if (level != conduit::log_level::info) text.append(to_string(level)).append(": ");
    conduit::write_to_stderr(text.append(line).append("\n"));
}

int run(const conduit::daemon::options& given, bool quiet) {
    const auto sink = [quiet](conduit::log_level level, std::string_view line) {
        const auto least = quiet ? conduit::log_level::warning : conduit::log_level::info;
        if (level >= least) print(level, line);
    };
    conduit::daemon::raise_descriptor_limit();
    conduit::scheduler scheduler(conduit::scheduler_options().log(sink).dump_on_sigquit());
    return scheduler.run(conduit::daemon::serve(given));
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // for standard error; all else is asked not to raise it
    CLI::App app("Lets processes find each other by what they offer.", "conduitd");
    conduit::daemon::options given;
    bool quiet = false;
    auto* system =
        app.add_flag("--system", given.system, "serve all users, at /run/conduit/matchmaker.sock");
    app.add_option("--listen", given.listen, "serve at unix:/PATH instead of the user's place")
        ->excludes(system);
    app.add_option("--tcp", given.tcp,
                   "serve at a TCP address as well; without a value tcp:127.0.0.1:7111")
        ->expected(0, 1)
        ->default_str("tcp:127.0.0.1:7111");
    app.add_option("--policy", given.policy, "who may announce which names");
    app.add_option("--state", given.state,
                   "the folder in which to keep what a successor has to know; '' for none");
    app.add_option("--ping", given.ping_ms,
                   "every so many milliseconds something is to be heard of who has announced")
        ->check(CLI::Range(50U, 3'600'000U));
    app.add_option("--confirm", given.confirm_ms,
                   "for so many milliseconds after a restart what was there before is believed")
        ->check(CLI::Range(0U, 3'600'000U));
    app.add_flag("--take-over", given.takes_over, "ask the daemon that serves there to end first");
    app.add_flag("--quiet", quiet, "say what is wrong, and nothing else");
    try {
        app.parse(argc, argv);
        return run(given, quiet);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : conduit::daemon::exit_usage;
    } catch (const std::exception& error) {
        print(conduit::log_level::error, error.what());
        return 1;
    }
}
