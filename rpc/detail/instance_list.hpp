// SPDX-License-Identifier: BSL-1.0
//
// A list of instances as people write it, one a line:
//
//     # name              address             and what else is to be said
//     demo.calculator.v1  unix:/run/calc/one  version=1.2 weight=50 tag=zone=eu tag=fast
//     demo.calculator.v1  tcp:10.0.0.7:4000
//
// Words are parted by blanks; # begins a comment where a word could begin.

#pragma once

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::detail {

inline constexpr std::size_t instance_list_bytes_max = std::size_t{1024} * 1024;

/// Offers that a matchmaker would take. Fails with failed_precondition and a text that begins with
/// `called` and the number of the line, from 1: "/etc/x:3: a weight is at most 10000, ...".
result<std::vector<instance_offer>, fault> parse_instance_list(std::string_view text,
                                                               const std::string& called,
                                                               char line_end = '\n');

}  // namespace conduit::rpc::detail
