// SPDX-License-Identifier: BSL-1.0
#include "chaos_proxy.hpp"

#include <algorithm>

namespace conduit::test {

chaos_plan& chaos_plan::delay_percent(unsigned percent) noexcept {
    delay_percent_ = percent;
    return *this;
}

chaos_plan& chaos_plan::chunk_max(std::size_t bytes) noexcept {
    chunk_max_ = std::max<std::size_t>(bytes, 1);
    return *this;
}

chaos_plan& chaos_plan::corrupt_per_million(unsigned chunks) noexcept {
    corrupt_per_million_ = chunks;
    return *this;
}

chaos_plan& chaos_plan::cut_after(std::uint64_t bytes) noexcept {
    cut_after_ = bytes;
    return *this;
}

std::size_t chaos_plan::draw_chunk() {
    ++chunks_;
    return 1 + below(chunk_max_);
}

int chaos_plan::draw_turns() {
    return below(100) < delay_percent_ ? 1 + static_cast<int>(below(8)) : 0;
}

void chaos_plan::maybe_corrupt(std::span<std::byte> chunk) {
    if (below(1'000'000) >= corrupt_per_million_) return;
    chunk[below(chunk.size())] ^= static_cast<std::byte>(1U << below(8));
    ++corrupted_;
}

std::size_t chaos_plan::before_cut(std::size_t bytes, std::uint64_t passed) const noexcept {
    return std::min<std::uint64_t>(bytes, cut_after_ - passed);
}

}  // namespace conduit::test
