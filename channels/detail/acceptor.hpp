// SPDX-License-Identifier: BSL-1.0
//
// Accepting that survives what happens to servers: no descriptor left, no memory, a network that
// went away. What unix_listener and tcp_listener are made of.
//
//     auto fd = co_await accept_patiently(handle_, counters_);
//     if (!fd) co_return fd.error();                   // cancelled, or no listener at all

#pragma once

#include <conduit/channels/accept_counters.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

namespace conduit {

/// Waits for a connection as io_handle::accept_many() does. Where the kernel cannot give one for
/// now it waits 50 to 200 ms by the scheduler's clock and tries again, for as long as it takes: the
/// connections stay in the backlog meanwhile. Says so in the log once, until it succeeds again.
///
/// Fails when it is stopped or its deadline passes, with errc::cancelled when the listener is
/// closed under it, and with what the kernel says when `listener` is none. Both arguments must
/// outlive the task, where they are.
task<result<unique_fd>> accept_patiently(io_handle& listener, accept_counters& counts);

}  // namespace conduit
