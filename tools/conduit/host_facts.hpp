// SPDX-License-Identifier: BSL-1.0
//
// What this host lets a process have, as far as conduit cares, and what that explains.
//
//     const host_facts here = read_host_facts("/proc");
//     why_no_io_uring(std::make_error_code(std::errc::operation_not_permitted), here);
//         // "kernel.io_uring_disabled is 2: it is switched off for everybody"

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace conduit::tool {

struct host_facts {
    std::string kernel;                             // "6.1.0-13-amd64"
    std::optional<std::int64_t> io_uring_disabled;  // the sysctl, since Linux 6.6
    std::optional<std::int64_t> seccomp;            // of this process: 0 none, 1 strict, 2 filters
    std::optional<std::uint64_t> open_files;        // soft limits; nothing: there is none
    std::optional<std::uint64_t> open_files_most;   // the hard one
    std::optional<std::uint64_t> locked_bytes;
};

/// Reads below a folder that is laid out as /proc is; what is not there is left out. The limits are
/// this process's own.
host_facts read_host_facts(const std::string& proc);

/// What commonly lets io_uring fail so, and what would help; all of it that is true here.
std::string why_no_io_uring(std::error_code refused, const host_facts& here);

}  // namespace conduit::tool
