// SPDX-License-Identifier: BSL-1.0
//
// Runs the program conduit as a child, on the backend of the test case and with nothing of this
// process's environment that it would heed.
//
//     auto said = co_await test::run_conduit("call", where, "add", "1", "2");
//     CHECK(said == test::program_end{0, "3.0\n", ""});

#pragma once

#include <conduit/channels/command.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/redirect.hpp>
#include <conduit/runtime/task.hpp>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

struct program_end {
    int code = 0;
    std::string out;
    std::string err;

    bool operator==(const program_end&) const = default;
};
std::ostream& operator<<(std::ostream& to, const program_end& end);

/// To be started; more may be set.
command conduit_command_of(const std::vector<std::string>& words);
template <class... Words>
command conduit_command(const Words&... words) {
    return conduit_command_of({std::string(words)...});
}

/// Runs it to its end. Skips the case where the backend's kernel starts no processes.
task<program_end> run_to_end(command program);

template <class... Words>
task<program_end> run_with_input(std::string input, const Words&... words) {
    command program = conduit_command_of({std::string(words)...});
    program.input(redirect::text(std::move(input)));
    program.error_output(redirect::capture());
    return run_to_end(std::move(program));
}
template <class... Words>
task<program_end> run_conduit(const Words&... words) {
    return run_with_input("", words...);
}

}  // namespace conduit::test
