// SPDX-License-Identifier: BSL-1.0
//
// Where a simulation draws its choices: SplitMix64 (Steele, Lea, Flood 2014), the same numbers from
// every compiler and library for the same seed. Draw into a named variable first when two draws
// meet in one expression: their order is not defined there.
//
//     if (random.chance(25)) bytes = 1 + random.below(bytes);

#pragma once

#include <conduit/runtime/assert.hpp>

#include <cstdint>

namespace conduit {

class sim_random {
public:
    explicit sim_random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }
    /// A number from 0 to `bound` - 1; `bound` is at least 1.
    std::uint64_t below(std::uint64_t bound) noexcept {
        CONDUIT_ASSERT(bound > 0, "there is nothing to draw from");
        return next() % bound;
    }
    bool chance(unsigned percent) noexcept { return below(100) < percent; }

private:
    std::uint64_t state_;
};

}  // namespace conduit
