// SPDX-License-Identifier: BSL-1.0
//
// Waiting for a time. To bound another wait by a time use within.hpp.
//
//     co_await conduit::sleep_for(10ms);
//     auto ended = co_await conduit::sleep_until(next_round);    // errc::cancelled on a stop

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/timer_queue.hpp>

#include <system_error>

namespace conduit {

/// Waits for a time; never wakes before it. Yields a zero code, or errc::cancelled or
/// errc::timed_out when the wait was ended. The code may be ignored.
class sleep_operation final : public operation, private timer_entry {
public:
    explicit sleep_operation(clock::duration wait) noexcept : wait_(wait) {}
    explicit sleep_operation(clock::time_point due) noexcept : due_(due) {}
    sleep_operation(sleep_operation&& other) noexcept
        : operation(static_cast<operation&&>(other)), wait_(other.wait_), due_(other.due_) {}
    ~sleep_operation();

    const char* name() const noexcept override { return "sleep"; }
    void cancel() noexcept override;
    std::error_code await_resume() const noexcept { return error(); }

private:
    progress start() override;
    void fire() noexcept override { complete(0); }

    clock::duration wait_ = clock::duration::zero();
    clock::time_point due_ = clock::time_point::min();  // min: `wait_` from when it is awaited
};

/// Waits for a length of time, from when it is awaited. Not positive: yields to others once.
inline sleep_operation sleep_for(clock::duration wait) noexcept { return sleep_operation(wait); }

/// Waits until a time. One that has passed: yields to others once.
inline sleep_operation sleep_until(clock::time_point due) noexcept { return sleep_operation(due); }

}  // namespace conduit
