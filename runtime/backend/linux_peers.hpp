// SPDX-License-Identifier: BSL-1.0
//
// Who is at the other end of a Unix socket, and what a starter left open for this process: the
// parts of the Linux kernel object that need more than a call.
//
//     auto process = linux_peers::process_of(fd, clock::now());

#pragma once

#include <conduit/runtime/backend/kernel.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace conduit::linux_peers {

/// As kernel::next_sender().
result<std::optional<credentials>> next_sender(int socket);

/// As kernel::peer_groups().
result<std::vector<std::uint32_t>> groups_of(int socket);

/// As kernel::peer_process().
result<unique_fd> process_of(int socket, clock::time_point seen);

/// The same where the kernel tells a number only: fails with no_such_process when the process that
/// has it now began after `seen`, so that it got the number of one that has ended.
result<unique_fd> process_by_number(std::int32_t pid, clock::time_point seen);

/// As kernel::take_inherited().
result<std::vector<inherited_handle>> take_inherited();

}  // namespace conduit::linux_peers
