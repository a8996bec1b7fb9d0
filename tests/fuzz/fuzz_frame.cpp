// SPDX-License-Identifier: BSL-1.0
//
// The frame engine: the same bytes give the same events in any portions, and end in the same place
// with the same fault; no more is kept than has come.
//
// The first byte chooses: with bit 7 a greeting stands before the rest of the input; with bit 6 the
// portions are single bytes; otherwise the lower bits decide on them.

#include "../support/wire_frames.hpp"
#include "require.hpp"

#include <conduit/rpc/detail/wire.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

namespace {

using conduit::test::bytes;

/// Portions of changing size, each in memory of its own, so that a sanitizer sees a read outside.
void read_in_portions(std::span<const std::byte> stream, std::uint32_t choices,
                      conduit::test::frame_log& log) {
    const bool single = (choices & 0x40U) != 0;
    conduit::rpc::detail::frame_reader reader(conduit::test::reader_settings());
    std::size_t arrived = 0;
    while (!stream.empty()) {
        choices = choices * 1'664'525 + 1'013'904'223;
        const std::size_t most = choices % 3 == 0 ? 64 : 8;
        const std::size_t size = single ? 1 : 1 + (choices >> 16) % most;
        const auto part = stream.first(std::min(size, stream.size()));
        const bytes own(part.begin(), part.end());
        stream = stream.subspan(part.size());
        arrived += part.size();
        reader.feed(own, log);
        conduit::fuzz::require(reader.kept() <= arrived, "more is kept than has come");
        conduit::fuzz::require(reader.memory() <= 2 * arrived + 64, "too much memory is held");
    }
    log.close(reader);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size == 0) return 0;
    static const bytes greeting = conduit::test::greeting(16);
    bytes stream;
    if ((input[0] & 0x80U) != 0) stream = greeting;
    std::transform(input + 1, input + size, std::back_inserter(stream),
                   [](std::uint8_t byte) { return static_cast<std::byte>(byte); });

    conduit::test::frame_log whole;
    conduit::test::frame_log in_portions;
    conduit::test::read(stream, stream.size(), whole);
    read_in_portions(stream, input[0], in_portions);
    conduit::fuzz::require(in_portions.text == whole.text, "other portions give other events");
    return 0;
}
