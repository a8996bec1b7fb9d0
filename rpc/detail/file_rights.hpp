// SPDX-License-Identifier: BSL-1.0
//
// Who may change what is in the file system, as the matchmaker and its clients ask it.
//
//     if (status->owner != root_user || (status->mode & writable_by_others) != 0) return false;

#pragma once

#include <cstdint>

namespace conduit::rpc::detail {

inline constexpr std::uint32_t root_user = 0;

// Bits of a mode.
inline constexpr std::uint32_t writable_by_others = 0022;
inline constexpr std::uint32_t open_to_others = 0077;

}  // namespace conduit::rpc::detail
