// SPDX-License-Identifier: BSL-1.0
//
// Programs that move bytes over many handles at a time and check that all of them arrive: what a
// backend must carry whatever is done to it.
//
//     run_with(small(4, 8), some_of_everything());

#pragma once

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <system_error>

namespace conduit::test {

/// Reads up to 16 bytes; yields how that ended.
task<std::error_code> read_once(io_handle& in);

/// Sums up what arrives in lent buffers until the end of the stream.
task<std::size_t> take_lent(io_handle& in);

task<> send_and_close(io_handle out, std::size_t bytes);

/// Many connections at once, whose reads all wait in the kernel.
task<> many_echoes(int connections, std::size_t times);

/// Cancels `count` waiting reads in one turn.
task<> cancel_many(int count);

/// Connections whose receives go on in the kernel between two calls.
task<> many_lent(int connections, std::size_t bytes);

/// Connections that are there before anyone accepts.
task<> accept_all(int count);

/// Some of each of the above.
task<> some_of_everything();

}  // namespace conduit::test
