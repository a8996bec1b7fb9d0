// SPDX-License-Identifier: BSL-1.0
//
// Text that came from a peer, on its way to a terminal: nothing in it may move the cursor, change
// colours, or turn the direction of what stands around it.
//
//     out += printable(instance.offer.address);

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace conduit::tool {

/// One line: line ends, controls, what turns the direction of text, and bytes that are not UTF-8
/// become \n, \xNN or \u{NNNN}. The rest stays as it is, also a backslash.
std::string printable(std::string_view text);

/// The same of several lines, which keep their ends.
std::string printable_lines(std::string_view text);

/// The same of JSON text on one line, which stays JSON of the same value.
std::string printable_json(std::string_view text);

/// How many columns printable text takes, counting one for each character.
std::size_t width_of(std::string_view printable_text) noexcept;

}  // namespace conduit::tool
