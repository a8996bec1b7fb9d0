// SPDX-License-Identifier: BSL-1.0
//
// Small random numbers for spreading load and waits, where asking the kernel each time costs too
// much. Not for secrets.
//
//     chance dice(seed_from_kernel());
//     const std::size_t one_of = dice.below(links.size());
//     const auto wait = dice.up_to(50ms);

#pragma once

#include <conduit/runtime/clock.hpp>

#include <cstdint>

namespace conduit::rpc::detail {

/// From the current kernel, so that a simulation repeats itself.
std::uint64_t seed_from_kernel() noexcept;

/// SplitMix64: each number of it is used once, and a seed is as good as any other.
class chance {
public:
    explicit chance(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        return z ^ (z >> 31);
    }

    /// 0 to n - 1; n is less than 2^32 and not 0.
    std::uint64_t below(std::uint64_t n) noexcept { return ((next() >> 32) * n) >> 32; }

    /// A wait between nothing and `most`: full jitter.
    clock::duration up_to(clock::duration most) noexcept {
        if (most <= clock::duration::zero()) return clock::duration::zero();
        constexpr std::uint64_t steps = 4096;
        return most / steps * static_cast<clock::rep>(below(steps + 1));
    }

private:
    std::uint64_t state_;
};

}  // namespace conduit::rpc::detail
