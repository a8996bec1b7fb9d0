// SPDX-License-Identifier: BSL-1.0
#include "program.hpp"

#include "command_line.hpp"
#include "commands.hpp"
#include "completion.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/runtime/log.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace conduit::tool {
namespace {

using namespace std::chrono_literals;

struct known_command {
    std::string_view verb;
    command run;
};
constexpr std::array commands{known_command{"list", list},   known_command{"lookup", lookup},
                              known_command{"find", find},   known_command{"watch", watch},
                              known_command{"waits", waits}, known_command{"describe", describe},
                              known_command{"call", call},   known_command{"health", health},
                              known_command{"stats", stats}, known_command{"doctor", doctor}};

/// What --timeout is unless it is given; duration::max() for what may take as long as it likes.
clock::duration time_for(const request& wanted) {
    if (wanted.timeout) return *wanted.timeout;
    const bool is_patient = wanted.wait || wanted.watch;
    return is_patient || wanted.verb == "watch" || wanted.verb == "call" ? clock::duration::max()
                                                                         : clock::duration(10s);
}

/// Yields how it ended, having said why.
task<exit_code> perform(const request& wanted) {
    try {
        output out(output_style::of(wanted));
        // Not under the deadline: it would close with it, and could not say what was waited for.
        std::optional<rpc::matchmaker> matchmaker;
        if (asks_matchmaker(wanted)) matchmaker.emplace(matchmaker_options_of(wanted));
        const surroundings given{wanted, out, matchmaker ? &*matchmaker : nullptr};
        const command run = command_named(wanted.verb);
        co_return co_await within(time_for(wanted), run(given));
    } catch (const reader_left&) {
        co_return exit_code::ok;
    } catch (const failure& why) {
        complain(why, wanted.json);
        co_return why.code();
    } catch (const rpc::fault& why) {
        // A signal, which needs no words.
        if (current_context().why_stopped() == stop_reason::cancelled) {
            co_return exit_code::interrupted;
        }
        const failure said = failure::of(why, {});
        complain(said, wanted.json);
        co_return said.code();
    } catch (const std::exception& why) {
        complain(failure(exit_code::failed, why.what()), wanted.json);
        co_return exit_code::failed;
    }
}

task<> perform_and_leave(const request& wanted, task_group& all, exit_code& code) {
    const stop_at_end others(all);
    code = co_await perform(wanted);
}

task<> note_signal(signal_set signals, task_group& all, int& number) {
    signal_set own = std::move(signals);
    auto got = co_await own.next();
    if (!got) co_return;
    number = *got;
    all.request_stop();
}

/// The first signal asks the command to end; after it both do again what they did before.
task<exit_code> perform_until_signal(const request& wanted) {
    int number = 0;
    exit_code code = exit_code::ok;
    signal_set signals = watch_termination();
    task_scope scope;
    scope.spawn(perform_and_leave(wanted, scope, code), "command");
    scope.spawn(note_signal(std::move(signals), scope, number), "signals");
    co_await scope.join();
    if (code == exit_code::interrupted && number == SIGTERM) co_return exit_code::terminated;
    co_return code;
}

void log_for_people(log_level level, std::string_view line) {
    if (level < log_level::warning) return;
    write_to_stderr(fmt::format("conduit: {}: {}\n", to_string(level), printable(line)));
}

/// Where no scheduler is needed.
exit_code say(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) == 0) return exit_code::ok;
    const std::error_code why(errno, std::generic_category());
    if (why == std::errc::broken_pipe) return exit_code::ok;
    complain(failure(exit_code::failed, "standard output: " + why.message()), false);
    return exit_code::failed;
}

exit_code print_completion(const request& wanted) {
    const std::string script =
        wanted.words.size() == 1 ? completion_script(wanted.words[0]) : std::string();
    if (script.empty()) {
        write_to_stderr("conduit: completion: expected bash, zsh or fish\n");
        return exit_code::usage;
    }
    return say(script);
}

}  // namespace

command command_named(std::string_view verb) noexcept {
    for (const known_command& each : commands) {
        if (each.verb == verb) return each.run;
    }
    return nullptr;
}

void fill_standard_streams() noexcept {
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
        if (::fcntl(number, F_GETFD) >= 0) continue;
        // The lowest number that is free is this one.
        const int opened = ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        static_cast<void>(opened);
    }
}

exit_code run_program(const std::vector<std::string>& words) {
    const command_line given = read_command_line(words);
    if (!given.wanted && given.code == exit_code::ok) return say(given.text);
    if (!given.wanted && given.json) {
        complain(failure(given.code, given.text), true);
        return given.code;
    }
    if (!given.wanted) {
        write_to_stderr(given.text);
        return given.code;
    }
    if (given.wanted->verb == "completion") return print_completion(*given.wanted);
    try {
        scheduler_options options;
        options.log(given.wanted->json ? nullptr : log_sink(log_for_people));
        options.stall_limit(clock::duration::zero());  // of no interest to who reads the result
        // It tells of the other backends, also where those cannot be had.
        if (given.wanted->verb == "doctor") options.backend(backend_kind::epoll);
        return scheduler(options).run(perform_until_signal(*given.wanted));
    } catch (const std::exception& why) {
        complain(failure(exit_code::failed, why.what()), given.wanted->json);
        return exit_code::failed;
    }
}

}  // namespace conduit::tool
