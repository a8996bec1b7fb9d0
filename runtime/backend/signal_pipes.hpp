// SPDX-License-Identifier: BSL-1.0
//
// Signals as bytes in a pipe: a handler writes each signal's number to the pipe that watches it.
// A handler, not signalfd, since that needs the signal blocked in every thread of the process. The
// one place in conduit with process-wide state, for that is what signal dispositions are.

#pragma once

#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <span>

namespace conduit::signal_pipes {

/// The reading end; see kernel::watch_signals().
result<unique_fd> open(std::span<const int> signals);

/// Ends the watch that `reader` belongs to and closes it; false when it is none.
bool close(int reader) noexcept;

}  // namespace conduit::signal_pipes
