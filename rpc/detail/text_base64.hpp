// SPDX-License-Identifier: BSL-1.0
//
// Bytes as base64 (RFC 4648 §4), as JSON has them.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::detail {

std::string to_base64(std::span<const std::byte> bytes);

/// Nothing unless the text is what to_base64() makes, with its padding.
std::optional<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace conduit::rpc::detail
