// SPDX-License-Identifier: BSL-1.0
//
// Processes, for the real kernel: starting programs by posix_spawn (never a fork: a child of that
// could submit on its parent's ring), signals to groups, and what a started program is given.
//
//     spawn_failure why;
//     auto child = linux_processes::spawn(request, why);

#pragma once

#include <conduit/runtime/backend/kernel.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

/// What kernel.hpp says about the members of these names.
namespace conduit::linux_processes {

result<spawned_process> spawn(const spawn_request& program, spawn_failure& why);
result<void> signal_group(const spawned_process& leader, int signal);
void reap(const unique_fd& process) noexcept;
std::vector<std::string> environment();
result<void> make_blocking(const unique_fd& handle);
result<unique_fd> make_memory_file(std::span<const std::byte> bytes);

}  // namespace conduit::linux_processes
