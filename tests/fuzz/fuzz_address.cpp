// SPDX-License-Identifier: BSL-1.0
//
// The text of an address: what parses also prints, and parses again to an equal one; what does not
// is refused with one line that is safe to print.

#include "require.hpp"

#include <conduit/channels/address.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(bytes, bytes + size);
    std::string why;
    const auto parsed = conduit::address::parse(text, &why);
    if (!parsed) {
        conduit::fuzz::require(parsed.error() == std::errc::invalid_argument, "another error");
        conduit::fuzz::require(!why.empty(), "a refusal without a reason");
        for (const char c : why) {
            conduit::fuzz::require(c >= ' ' && c <= '~', "a reason that is not safe to print");
        }
        return 0;
    }
    const std::string printed = to_string(*parsed);
    const auto again = conduit::address::parse(printed);
    conduit::fuzz::require(again.has_value(), "what was printed does not parse");
    conduit::fuzz::require(*again == *parsed, "what was printed parses to another address");
    conduit::fuzz::require(to_string(*again) == printed, "printing is not stable");
    return 0;
}
