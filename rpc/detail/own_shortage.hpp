// SPDX-License-Identifier: BSL-1.0
//
// Whether something failed for want of what this process or its host has run out of. That says
// nothing of whom one wanted to reach, so nobody is taken for gone by it.
//
//     if (is_own_shortage(why)) return fault(status::resource_exhausted, ...);

#pragma once

#include <cerrno>
#include <system_error>

namespace conduit::rpc::detail {

/// unix(7): of handles that were sent and not received yet a user has on the whole host no more
/// than the sender may have open. Not the peer's fault, perhaps, and over when others have read.
inline bool are_too_many_under_way(std::error_code why) noexcept {
    return why == std::error_code(ETOOMANYREFS, std::system_category());
}

/// Descriptors, memory, room for watches. Where a kernel says "try again" of a backlog that is
/// full, channels do so: what comes through to here is of a process or a port that it cannot make.
inline bool is_own_shortage(std::error_code why) noexcept {
    return why == std::errc::too_many_files_open ||
           why == std::errc::too_many_files_open_in_system || why == std::errc::not_enough_memory ||
           why == std::errc::no_buffer_space || why == std::errc::no_space_on_device ||
           why == std::errc::resource_unavailable_try_again || are_too_many_under_way(why);
}

}  // namespace conduit::rpc::detail
