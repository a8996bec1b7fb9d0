// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <array>
#include <bit>
#include <cstddef>

namespace conduit::rpc::detail {

std::uint64_t seed_from_kernel() noexcept {
    std::array<std::byte, sizeof(std::uint64_t)> drawn{};
    current_kernel().random(drawn);
    return std::bit_cast<std::uint64_t>(drawn);
}

}  // namespace conduit::rpc::detail
