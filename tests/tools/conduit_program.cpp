// SPDX-License-Identifier: BSL-1.0
#include "conduit_program.hpp"

#include "../support/child.hpp"

#include <conduit/runtime/scheduler.hpp>

#include <utility>

namespace conduit::test {

std::ostream& operator<<(std::ostream& to, const program_end& end) {
    return to << "exit " << end.code << "\nout: " << end.out << "\nerr: " << end.err;
}

command conduit_command_of(const std::vector<std::string>& words) {
    needs_processes();
    command program(CONDUIT_COMMAND);
    for (const std::string& word : words) program.argument(word);
    program.environment("CONDUIT_BACKEND", std::string(scheduler::current().backend_name()));
    for (const char* name : {"CONDUIT_MATCHMAKER", "NO_COLOR", "TERM"}) program.without(name);
    return program;
}

task<program_end> run_to_end(command program) {
    auto done = co_await run(std::move(program));
    const completed& all = done.value();
    const exit_status ended = all.status();
    co_return program_end{ended.signal == 0 ? ended.code : -ended.signal, all.output,
                          all.stages[0].error_output};
}

}  // namespace conduit::test
