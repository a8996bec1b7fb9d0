// SPDX-License-Identifier: BSL-1.0
//
// Tells a burst of calls from a queue that stands: where for an interval there was always a call
// that had waited for longer than it should, those that have are refused until the queue is gone.
// Refusing costs little, so what is served is served in time. (The idea is CoDel's, RFC 8289.)
//
//     queue_guard guard(50ms);
//     guard.note(waited, now);                            // of the call that has waited longest
//     if (guard.refuses(waited, now)) ...                 // instead of beginning the call

#pragma once

#include <conduit/runtime/clock.hpp>

namespace conduit::rpc::detail {

class queue_guard {
public:
    /// How long calls may wait; zero: as long as they do.
    explicit queue_guard(clock::duration target) noexcept : target_(target) {}

    /// How long the call has waited that waits longest, or is begun where they begin as they came.
    void note(clock::duration waited, clock::time_point now) noexcept {
        if (is_stale(now)) {
            stands_ = false;
            other_since_ = clock::time_point::max();
        }
        noted_ = now;
        // As long as it stands it is kept near the target.
        const bool is_otherwise = stands_ ? waited <= target_ / 2 : waited > target_;
        if (!is_otherwise) {
            other_since_ = clock::time_point::max();
        } else if (other_since_ == clock::time_point::max()) {
            other_since_ = now;
        } else if (now - other_since_ >= (stands_ ? 2 * target_ : interval())) {
            stands_ = !stands_ && target_ > clock::duration::zero();
            other_since_ = clock::time_point::max();
        }
    }

    /// Whether there is more to do than time. The newest calls are the best to begin then: those
    /// who made the others may have given up, or will have when they are answered.
    bool stands(clock::time_point now) const noexcept { return stands_ && !is_stale(now); }
    /// Whether a call that has waited so long is to be refused.
    bool refuses(clock::duration waited, clock::time_point now) const noexcept {
        return waited > target_ && stands(now);
    }

    clock::duration target() const noexcept { return target_; }
    /// How long all calls must have waited for too long; also when to come back.
    clock::duration interval() const noexcept { return 10 * target_; }

private:
    /// For so long nobody has waited.
    bool is_stale(clock::time_point now) const noexcept { return now - noted_ > interval(); }

    clock::duration target_;
    clock::time_point other_since_ = clock::time_point::max();  // that it looks otherwise
    clock::time_point noted_{};
    bool stands_ = false;
};

}  // namespace conduit::rpc::detail
