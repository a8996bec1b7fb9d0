// SPDX-License-Identifier: BSL-1.0
//
// Whether bytes are UTF-8 text, as JSON must be (RFC 8259 §8.1).

#pragma once

#include <string_view>

namespace conduit::rpc::detail {

/// No overlong forms, no surrogates, nothing beyond U+10FFFF (RFC 3629 §4).
bool is_utf8(std::string_view text) noexcept;

}  // namespace conduit::rpc::detail
