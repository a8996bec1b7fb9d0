// SPDX-License-Identifier: BSL-1.0
//
// The verbs of the program, one function each.
//
//     const command run = command_named("list");
//     exit_code code = co_await run(given);

#pragma once

#include "exit_code.hpp"
#include "output.hpp"
#include "request.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/runtime/task.hpp>

#include <string_view>

namespace conduit::tool {

/// What a command has to work with; all of it outlives the command.
struct surroundings {
    const request& wanted;
    output& out;
    rpc::matchmaker* matchmaker;  // null where none is to be asked: see asks_matchmaker()
};

/// Prints what was asked for. Throws failure, rpc::fault where it was stopped, and reader_left.
using command = task<exit_code> (*)(const surroundings& given);

/// Null where there is no such verb.
command command_named(std::string_view verb) noexcept;

// What the matchmaker knows.
task<exit_code> list(const surroundings& given);
task<exit_code> lookup(const surroundings& given);
task<exit_code> find(const surroundings& given);
task<exit_code> watch(const surroundings& given);
task<exit_code> waits(const surroundings& given);

// What a server says.
task<exit_code> describe(const surroundings& given);
task<exit_code> call(const surroundings& given);
task<exit_code> health(const surroundings& given);
task<exit_code> stats(const surroundings& given);

// What this host has.
task<exit_code> doctor(const surroundings& given);

}  // namespace conduit::tool
