// SPDX-License-Identifier: BSL-1.0
//
// How long to wait before the next try at something that the kernel refuses for now and does not
// tell when to ask again: twice as long each time, and a little by chance, so that many who wait
// for the same do not ask together.
//
//     back_off pause(50ms, 200ms);
//     const std::error_code ended = co_await sleep_for(pause.next());

#pragma once

#include <conduit/runtime/clock.hpp>

namespace conduit {

class back_off {
public:
    /// Waits lie between the two.
    constexpr back_off(clock::duration shortest, clock::duration longest) noexcept
        : shortest_(shortest), longest_(longest), limit_(shortest * 2) {}

    /// Draws from the current kernel's randomness.
    clock::duration next() noexcept;

    /// After a success: begins again with the shortest.
    void reset() noexcept { limit_ = shortest_ * 2; }

private:
    clock::duration shortest_;
    clock::duration longest_;
    clock::duration limit_;  // of the next wait
};

}  // namespace conduit
