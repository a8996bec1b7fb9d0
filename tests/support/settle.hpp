// SPDX-License-Identifier: BSL-1.0
//
// Lets all happen that can happen before the test goes on, so that "not yet" means something. A
// simulation waits a virtual second; a real kernel is asked at least twice.
//
//     co_await test::settle();
//     REQUIRE_FALSE(pending.is_done());

#pragma once

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <utility>

namespace conduit::test {

task<> settle();

/// For `while (!so) co_await test::come_round();`, where nobody can be asked to say when it is so:
/// the loop comes round once and asks the kernel. No time passes by it, but in simulation.
task<> come_round();

/// Both ends of a fresh pipe, or of a Unix stream socket pair, attached.
struct handle_pair {
    io_handle in;
    io_handle out;
};
handle_pair attached_pipe();
handle_pair attached_socket_pair();

/// Writes until there is no room; yields the number of bytes.
task<std::size_t> fill(io_handle& out);

/// Reads until there is nothing; yields the number of bytes.
task<std::size_t> drain(io_handle& in);

}  // namespace conduit::test
