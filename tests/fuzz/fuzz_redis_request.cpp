// SPDX-License-Identifier: BSL-1.0
//
// What the example 14_redis takes requests from: in one piece or byte by byte, the same requests
// are found, up to the same error.

#include "../../examples/14_redis/request_parser.hpp"
#include "require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using state = request_parser::state;

std::string written(const request_parser& parser) {
    std::string text = std::to_string(parser.size()) + ":";
    for (const std::string_view word : parser.words()) {
        text.append(std::to_string(word.size())).append(" ").append(word).append(",");
    }
    return text + "\n";
}

/// All requests in `bytes`, of which `step` more are there each time.
std::string all_requests(std::string_view bytes, std::size_t step) {
    request_parser parser;
    std::string found;
    std::size_t begin = 0;
    std::size_t there = 0;
    while (there < bytes.size()) {
        there = std::min(bytes.size(), there + step);
        while (begin < there) {
            const state now = parser.parse(bytes.substr(begin, there - begin));
            if (now == state::incomplete) break;
            if (now == state::broken) return found + parser.complaint();
            conduit::fuzz::require(parser.size() > 0, "a request of no bytes");
            conduit::fuzz::require(parser.size() <= there - begin, "more than was there");
            begin += parser.size();
            found += written(parser);
        }
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    // A line that is too long shows as such only while its end is not there.
    if (size > request_parser::line_bytes_max) return 0;
    const std::string text(bytes, bytes + size);
    const std::string whole = all_requests(text, text.size());
    conduit::fuzz::require(whole == all_requests(text, 1), "byte by byte other requests are found");
    return 0;
}
