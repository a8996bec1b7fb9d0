// SPDX-License-Identifier: BSL-1.0
//
// What the words of the command line mean. The only place that knows CLI11.
//
//     const command_line given = read_command_line(words);
//     if (!given.wanted) return say(given);               // --help, or what is wrong

#pragma once

#include "exit_code.hpp"
#include "request.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conduit::tool {

struct command_line {
    std::optional<request> wanted;
    // Where there is nothing to do but to say something:
    exit_code code = exit_code::ok;
    std::string text;   // for standard output, or where the code is not ok for standard error
    bool json = false;  // that error is to be an object, of which this is the text
};

/// `words` are those behind the program's name.
command_line read_command_line(const std::vector<std::string>& words);

/// A verb with all that may follow it, for completion and for who checks the manual.
struct verb_words {
    std::string name;
    std::string text;
    std::vector<std::string> options;  // "--json"
};
std::vector<verb_words> known_words();

}  // namespace conduit::tool
