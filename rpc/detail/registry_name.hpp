// SPDX-License-Identifier: BSL-1.0
//
// The names under which the matchmaker knows what is offered: [a-z0-9._-]{1,128}. They mean no path
// and need no escaping anywhere. Where something is offered is an address, see instance.hpp.
//
//     std::string why = name_problem(name);
//     if (!why.empty()) return rpc::fault(rpc::status::invalid_argument, why);

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conduit::rpc::detail {

inline constexpr std::size_t registry_name_bytes_max = 128;

/// What is wrong with a name; empty where nothing is. It may be printed: no byte of the name is in
/// it as such.
std::string name_problem(std::string_view name);

/// The same of what names begin with, which may be empty.
std::string prefix_problem(std::string_view prefix);

/// Whether only the matchmaker itself and root may announce it: what begins with "conduit.".
bool is_reserved_name(std::string_view name) noexcept;

}  // namespace conduit::rpc::detail
