// SPDX-License-Identifier: BSL-1.0
//
// How much of something a peer may do in a time: a burst, and then so much a second.
//
//     token_bucket cancels(1000, 33);
//     if (!cancels.take(now)) ...                         // more than is allowed

#pragma once

#include <conduit/runtime/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace conduit::rpc::detail {

class token_bucket {
public:
    token_bucket(std::uint32_t burst, std::uint32_t per_second) noexcept
        : tokens_(burst), burst_(burst), per_second_(per_second) {}

    /// Takes one; false when there is none.
    bool take(clock::time_point now) noexcept {
        if (tokens_ == burst_) refilled_ = now;  // what is full earns nothing
        if (tokens_ == 0) refill(now);
        if (tokens_ == 0) return false;
        --tokens_;
        return true;
    }

    /// Useful work earns some back.
    void earn(std::uint32_t tokens) noexcept { tokens_ = std::min(burst_, tokens_ + tokens); }

private:
    void refill(clock::time_point now) noexcept {
        using seconds = std::chrono::duration<double>;
        const double past = std::chrono::duration_cast<seconds>(now - refilled_).count();
        const double earned = std::min<double>(burst_, past * per_second_);
        if (earned < 1) return;
        tokens_ = static_cast<std::uint32_t>(earned);
        refilled_ = now;
    }

    clock::time_point refilled_{};
    std::uint32_t tokens_;
    std::uint32_t burst_;
    std::uint32_t per_second_;
};

}  // namespace conduit::rpc::detail
