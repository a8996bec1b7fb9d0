// SPDX-License-Identifier: BSL-1.0
//
// The codec: what a message may cost.

#include <conduit/rpc/codec.hpp>

#include <catch2/catch.hpp>

#include <limits>

using namespace conduit::rpc;

TEST_CASE("a message may become 1 MiB and 32 times its bytes, at most 64 MiB", "[rpc][codec]") {
    CHECK(decode_limits::for_message(0).output_bytes() == (1U << 20));
    CHECK(decode_limits::for_message(100).output_bytes() == (1U << 20) + 3200);
    const auto huge = std::numeric_limits<std::size_t>::max();
    CHECK(decode_limits::for_message(huge).output_bytes() == (64U << 20));
}
