// SPDX-License-Identifier: BSL-1.0
//
// What one more call over a connection is likely to cost: how long calls took there lately, times
// how many would share it. Balancing takes the cheaper of two.
//
//     meter.note(clock::duration(now - launched_at), now);
//     if (one.cost(3, now) < other.cost(0, now)) ...

#pragma once

#include <conduit/runtime/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace conduit::rpc::detail {

/// A smoothed latency. A new one counts for an eighth. What is old counts less and less, halved
/// with each second in which no answer came: a connection that was slow once is tried again.
class latency_meter {
public:
    void note(clock::duration took, clock::time_point now) noexcept {
        const auto sample = std::max<std::int64_t>(took.count(), 1);
        if (smoothed_ == 0) {
            smoothed_ = sample;
        } else {
            const std::int64_t before = aged(now);
            smoothed_ = std::max<std::int64_t>(before + (sample - before) / 8, 1);
        }
        noted_at_ = now;
    }

    /// Nothing for a connection that has no calls and never answered any: it is to be tried. Once
    /// it has one it waits for the answer, unless the others are slow.
    std::int64_t cost(std::size_t calls, clock::time_point now) const noexcept {
        const auto sharing = static_cast<std::int64_t>(calls) + 1;
        if (smoothed_ == 0) return calls == 0 ? 0 : unknown * sharing;
        return aged(now) * sharing;
    }

    clock::duration smoothed() const noexcept { return clock::duration(smoothed_); }

private:
    static constexpr std::int64_t unknown = 100'000'000;  // 100 ms

    std::int64_t aged(clock::time_point now) const noexcept {
        const auto age = std::chrono::floor<std::chrono::seconds>(now - noted_at_).count();
        if (age <= 0) return smoothed_;
        return std::max<std::int64_t>(smoothed_ >> std::min<std::int64_t>(age, 62), 1);
    }

    std::int64_t smoothed_ = 0;  // nanoseconds; 0: none yet
    clock::time_point noted_at_{};
};

}  // namespace conduit::rpc::detail
