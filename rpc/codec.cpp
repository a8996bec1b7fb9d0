// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/codec.hpp>

#include <algorithm>

namespace conduit::rpc {

decode_limits decode_limits::for_message(std::size_t wire_bytes) noexcept {
    constexpr std::size_t base = std::size_t{1} << 20;
    constexpr std::size_t most = std::size_t{64} << 20;
    decode_limits limits;
    limits.output_bytes_ = base + std::min(wire_bytes, most / 32) * 32;
    limits.output_bytes_ = std::min(limits.output_bytes_, most);
    return limits;
}

}  // namespace conduit::rpc
