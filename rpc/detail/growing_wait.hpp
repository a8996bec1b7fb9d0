// SPDX-License-Identifier: BSL-1.0
//
// How long to wait before the next try: somewhere between nothing and a limit that doubles with
// each failure. The whole of it is left to chance (full jitter), so that a thousand clients of a
// server that went down come back spread over the time, and not in waves.
//
//     growing_wait pause(50ms, 10s);
//     co_await sleep_for(pause.next(dice));
//     pause.reset();                                      // it went well

#pragma once

#include <conduit/rpc/detail/chance.hpp>
#include <conduit/runtime/clock.hpp>

#include <algorithm>

namespace conduit::rpc::detail {

class growing_wait {
public:
    growing_wait(clock::duration least, clock::duration most) noexcept
        : least_(least), most_(std::max(least, most)), limit_(least) {}

    clock::duration next(chance& dice) noexcept {
        const clock::duration limit = limit_;
        limit_ = limit_ < most_ / 2 ? limit_ * 2 : most_;
        return dice.up_to(limit);
    }

    /// What the next wait is less than.
    clock::duration limit() const noexcept { return limit_; }

    void reset() noexcept { limit_ = least_; }

private:
    clock::duration least_;
    clock::duration most_;
    clock::duration limit_;
};

}  // namespace conduit::rpc::detail
