// SPDX-License-Identifier: BSL-1.0
//
// What a message may cost.

#include <conduit/rpc/decode_limits.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <limits>

using conduit::rpc::decode_limits;

TEST_CASE("a message may become 1 MiB and 32 times its bytes, at most 64 MiB", "[rpc][codec]") {
    constexpr std::size_t mebi = std::size_t{1} << 20;
    CHECK(decode_limits().output_bytes() == mebi);
    CHECK(decode_limits::for_message(0).output_bytes() == mebi);
    CHECK(decode_limits::for_message(100).output_bytes() == mebi + 3200);
    CHECK(decode_limits::for_message(63 * mebi / 32 - 1).output_bytes() == 64 * mebi - 32);
    CHECK(decode_limits::for_message(63 * mebi / 32).output_bytes() == 64 * mebi);
    CHECK(decode_limits::for_message(2 * mebi).output_bytes() == 64 * mebi);
    CHECK(decode_limits::for_message(std::numeric_limits<std::size_t>::max()).output_bytes() ==
          64 * mebi);
}

TEST_CASE("each limit of a message is set by its name", "[rpc][codec]") {
    const auto limits = decode_limits::for_message(10).output_bytes(5).elements(6).depth(7);
    CHECK(limits.output_bytes() == 5);
    CHECK(limits.elements() == 6);
    CHECK(limits.depth() == 7);
    CHECK(decode_limits().elements() == 1'000'000);
    CHECK(decode_limits().depth() == 32);
}
