// SPDX-License-Identifier: BSL-1.0
//
// Listening sockets that a service manager opened for this process (socket activation), by the
// protocol of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
//
//     auto passed = conduit::listen_fds();
//     for (conduit::listen_fd& each : *passed) {
//         if (each.name == "control") listener = conduit::unix_listener::adopt(std::move(each.fd));
//     }

#pragma once

#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <string>
#include <vector>

namespace conduit {

/// One that was passed, and what its unit calls it; "unknown" where it says nothing.
struct listen_fd {
    std::string name;
    unique_fd fd;
};

/// Takes them over, close-on-exec, once per process: later calls fail with
/// std::errc::device_or_resource_busy. Empty when none were passed, or to another process. Fails
/// with std::errc::invalid_argument or bad_file_descriptor when what the variables say cannot be.
/// The error's message() names the variable or the descriptor that is wrong.
[[nodiscard]] result<std::vector<listen_fd>> listen_fds();

}  // namespace conduit
