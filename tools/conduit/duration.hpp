// SPDX-License-Identifier: BSL-1.0
//
// Lengths of time as people write and read them.
//
//     parse_duration("1.5s", std::chrono::seconds(1));    // 1,500,000,000 ns
//     shown_duration(std::chrono::microseconds(1500));    // "1.50 ms"

#pragma once

#include <conduit/rpc/json.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace conduit::tool {

/// A number with ns, us, ms, s, min or h behind it; a bare one is in `unit`. Fails with a sentence
/// for what is none, is negative, or is more than a century.
rpc::converted<std::chrono::nanoseconds> parse_duration(std::string_view text,
                                                        std::chrono::nanoseconds unit);

/// Three digits, in the unit that suits it.
std::string shown_duration(std::chrono::nanoseconds time);

}  // namespace conduit::tool
