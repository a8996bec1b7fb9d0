// SPDX-License-Identifier: BSL-1.0
//
// conduit: looks at servers and calls them, from the command line. docs/reference/command-line.md

#include "program.hpp"

#include <csignal>

int main(int argc, char** argv) {
    conduit::tool::fill_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);  // for standard error; all else is asked not to raise it
    return static_cast<int>(conduit::tool::run_program({argv + 1, argv + argc}));
}
