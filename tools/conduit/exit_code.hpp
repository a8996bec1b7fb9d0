// SPDX-License-Identifier: BSL-1.0
//
// How the program ends, for scripts. The numbers do not change; docs/reference/command-line.md and
// the manual page list them.

#pragma once

namespace conduit::tool {

enum class exit_code {
    ok = 0,
    failed = 1,     // the call failed, or what was asked about is not well
    usage = 2,      // the command line, or arguments that do not fit the method
    not_found = 3,  // nobody offers it, or nobody is there; nothing was done
    timed_out = 4,  // --timeout, or the method's own deadline
    interrupted = 130,
    terminated = 143,
};

}  // namespace conduit::tool
