// SPDX-License-Identifier: BSL-1.0
//
// The calls that one side has made, by number. A call that was given up leaves its number taken
// until END comes, so that the peer's frames about it cannot be mistaken for another's.
//
//     std::uint32_t number = made.add(call);
//     made.abandon(number, now);                          // the call is gone; END is awaited
//     made.release(number);                               // END has come

#pragma once

#include <conduit/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace conduit::rpc::detail {

class outgoing_call;

class outgoing_table {
public:
    std::uint32_t add(outgoing_call& call);
    /// The call with this number; null when it was given up, or there is none.
    outgoing_call* find(std::uint32_t number) const noexcept;
    bool has(std::uint32_t number) const noexcept;
    void abandon(std::uint32_t number, clock::time_point now) noexcept;
    void release(std::uint32_t number) noexcept;

    std::size_t taken() const noexcept { return taken_; }
    std::size_t abandoned() const noexcept { return abandoned_; }
    /// When the oldest of those was given up that still wait for their END.
    clock::time_point oldest_abandoned() const noexcept;

    /// Takes out a call that was not given up; null when none is left, and then it is empty.
    outgoing_call* take_any() noexcept;

private:
    static constexpr std::uint32_t none = 0xffff'ffff;

    struct entry {
        outgoing_call* call = nullptr;
        clock::time_point abandoned_at = clock::time_point::max();
        std::uint32_t next_free = none;
        bool taken = false;
    };

    std::vector<entry> entries_;
    std::uint32_t first_free_ = none;
    std::size_t taken_ = 0;
    std::size_t abandoned_ = 0;
};

}  // namespace conduit::rpc::detail
