// SPDX-License-Identifier: BSL-1.0
//
// Text of unknown origin on its way into a message: in quotes, without control bytes, not too long.
//
//     *why = "address " + quoted(text) + ", byte 4: ...";

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conduit {

/// `text` in single quotes, at most `bytes_max` bytes of it. What is not printable ASCII, the quote
/// and the backslash become \xNN; what was cut off is said behind the quotes.
std::string quoted(std::string_view text, std::size_t bytes_max = 64);

}  // namespace conduit
