// SPDX-License-Identifier: BSL-1.0
//
// The whole program but for main(): words in, exit code out.
//
//     int main(int argc, char** argv) {
//         fill_standard_streams();
//         return static_cast<int>(run_program({argv + 1, argv + argc}));
//     }

#pragma once

#include "exit_code.hpp"

#include <string>
#include <vector>

namespace conduit::tool {

/// Where one of the three streams is closed, puts something in its place that cannot be used: what
/// is opened next would be taken for it. To be called before anything is opened.
void fill_standard_streams() noexcept;

/// Reads the words, does what they ask for, and says what went wrong. SIGINT and SIGTERM end it
/// gracefully; a second one at once.
exit_code run_program(const std::vector<std::string>& words);

}  // namespace conduit::tool
