// SPDX-License-Identifier: BSL-1.0
//
// The monotonic clock of the current scheduler. Real schedulers read CLOCK_MONOTONIC; a simulated
// one has a virtual time that only waiting moves, so code that asks this clock, and no other, runs
// the same in both.
//
//     auto deadline = conduit::clock::now() + 50ms;

#pragma once

#include <chrono>

namespace conduit {

/// A std-style clock with nanosecond ticks.
struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;

    /// The time on the current scheduler, or CLOCK_MONOTONIC on a thread that runs none.
    static time_point now() noexcept;
};

/// Adds without overflow: a wait that is too long to count ends at time_point::max().
constexpr clock::time_point saturating_add(clock::time_point from, clock::duration wait) noexcept {
    if (wait > clock::time_point::max() - from) return clock::time_point::max();
    return from + wait;
}

}  // namespace conduit
