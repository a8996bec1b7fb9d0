// SPDX-License-Identifier: BSL-1.0
//
// How many retries are fair: a share of the calls of the last ten seconds, and a few more for those
// who call seldom. When a server is down for all of its clients, retries then add a fifth to its
// load and no more. (Finagle's budget, with its values: 20 %, and 10 a second.)
//
//     retry_budget budget(20, 10);
//     budget.note_call(now);                              // each call
//     if (!budget.take(now)) ...                          // no retry

#pragma once

#include <conduit/runtime/clock.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace conduit::rpc::detail {

class retry_budget {
public:
    static constexpr std::size_t seconds = 10;

    retry_budget(std::uint32_t percent_of_calls, std::uint32_t per_second) noexcept
        : percent_(percent_of_calls),
          free_(std::int64_t{per_second} * std::int64_t{seconds} * whole) {}

    void note_call(clock::time_point now) noexcept { slot_at(now) += percent_; }

    /// Takes one retry out; false when there is none. It will be noted as a call as well, and earns
    /// nothing by that.
    bool take(clock::time_point now) noexcept {
        std::int64_t& slot = slot_at(now);
        if (left() < whole) return false;
        slot -= whole + percent_;
        return true;
    }

    /// What may be tried again by the calls of the last seconds.
    std::int64_t retries_left(clock::time_point now) noexcept {
        slot_at(now);
        return left() / whole;
    }

private:
    static constexpr std::int64_t whole = 100;  // one retry: a call brings `percent_` of it

    std::int64_t left() const noexcept {
        std::int64_t sum = free_;
        for (const std::int64_t each : slots_) sum += each;
        return sum;
    }

    /// The one of this second; those of seconds that are gone are emptied.
    std::int64_t& slot_at(clock::time_point now) noexcept {
        const auto second =
            std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
        const auto all = static_cast<std::int64_t>(seconds);
        if (second - second_ > all) second_ = second - all;
        while (second_ < second) slots_[static_cast<std::size_t>(++second_) % seconds] = 0;
        return slots_[static_cast<std::size_t>(second) % seconds];
    }

    std::int64_t percent_;
    std::int64_t free_;
    std::array<std::int64_t, seconds> slots_{};
    std::int64_t second_ = 0;
};

}  // namespace conduit::rpc::detail
