// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/back_off.hpp>

#include <conduit/runtime/backend/kernel.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace conduit {

clock::duration back_off::next() noexcept {
    std::array<std::byte, sizeof(std::uint32_t)> drawn{};
    current_kernel().random(drawn);
    const auto chance = std::bit_cast<std::uint32_t>(drawn);
    const clock::duration limit = std::min(limit_, longest_);
    limit_ = limit * 2;
    const clock::duration spread = limit - shortest_;
    return shortest_ + spread / 1024 * static_cast<clock::rep>(chance % 1025);
}

}  // namespace conduit
