// SPDX-License-Identifier: BSL-1.0
//
// Tells a burst of calls from a queue that stands: where all calls of an interval have waited for
// longer than they should, those that waited for too long are refused until the queue is gone.
// Refusing costs little, so what is served is served in time. (The idea is CoDel's, RFC 8289.)
//
//     queue_guard guard(50ms);
//     if (guard.refuses(waited, now)) ...                 // instead of beginning the call

#pragma once

#include <conduit/runtime/clock.hpp>

#include <algorithm>

namespace conduit::rpc::detail {

class queue_guard {
public:
    /// How long calls may wait; zero: as long as they do.
    explicit queue_guard(clock::duration target) noexcept : target_(target) {}

    /// Whether a call that has waited so long is to be refused.
    bool refuses(clock::duration waited, clock::time_point now) noexcept {
        if (target_ <= clock::duration::zero()) return false;
        if (now >= interval_end_) {
            stands_ = least_ > target_;
            least_ = waited;
            interval_end_ = now + interval();
        } else {
            least_ = std::min(least_, waited);
        }
        return stands_ && waited > 2 * target_;
    }

    clock::duration target() const noexcept { return target_; }
    /// How long all calls must have waited for too long; also when to come back.
    clock::duration interval() const noexcept { return 10 * target_; }

private:
    clock::duration target_;
    clock::duration least_{};  // that a call of this interval waited
    clock::time_point interval_end_{};
    bool stands_ = false;
};

}  // namespace conduit::rpc::detail
