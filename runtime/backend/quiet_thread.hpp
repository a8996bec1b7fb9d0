// SPDX-License-Identifier: BSL-1.0
//
// Threads that never get a signal meant for the process, so that the program's own threads do.
//
//     std::thread worker = start_quiet_thread([] { ... });

#pragma once

#include <functional>
#include <thread>

namespace conduit {

/// Starts a thread with all signals blocked but those of its own faults. Throws std::system_error.
std::thread start_quiet_thread(std::function<void()> body);

}  // namespace conduit
