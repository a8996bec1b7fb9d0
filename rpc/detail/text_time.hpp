// SPDX-License-Identifier: BSL-1.0
//
// Times as text (RFC 3339, always UTC), from nanoseconds since 1970.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace conduit::rpc::detail {

/// "2026-01-02T03:04:05Z"; with a fraction of as many digits as it takes, if it is not zero.
std::string to_time_text(std::int64_t nanoseconds);

/// Nothing for what is no time, or outside of the years 1677 to 2262.
std::optional<std::int64_t> from_time_text(std::string_view text);

}  // namespace conduit::rpc::detail
