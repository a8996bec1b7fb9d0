// SPDX-License-Identifier: BSL-1.0
//
// Which process, which user: what /proc, a pidfd and the user database say of them.
//
//     auto born = linux_identity::identity_of(pid);

#pragma once

#include <conduit/runtime/backend/kernel.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::linux_identity {

/// When a process began, in clock ticks since the host did. Fails with no_such_process once there
/// is none.
result<std::uint64_t> start_ticks_of(std::int32_t pid);

/// These are as kernel says.
result<process_identity> identity_of(std::int32_t pid);
result<exit_status> how_ended(const unique_fd& process, std::int32_t pid);
result<std::uint32_t> user_named(const std::string& name);
result<std::vector<std::uint32_t>> members_of(const std::string& group);
result<void> make_durable(const std::string& path);
std::optional<std::string> trusted_variable(const std::string& name);

}  // namespace conduit::linux_identity
