// SPDX-License-Identifier: BSL-1.0
//
// What a scheduler has done so far. Written by its own thread only; any thread may read while it
// runs, each number by itself.
//
//     auto resumed = sched.counters().resumptions.value();

#pragma once

#include <atomic>
#include <cstdint>

namespace conduit {

/// A number with one writer and any readers. Adding costs what adding to a plain integer does.
class counter {
public:
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

struct counters {
    counter turns;          // rounds of the loop
    counter polls;          // times the kernel was asked
    counter system_calls;   // made by operations and polls on a real kernel
    counter resumptions;    // tasks taken from the ready queue and run
    counter waits;          // operations that could not complete at once
    counter completions;    // waits that ended, cancelled ones included
    counter cancellations;  // waits that ended because of a stop request or a deadline
    counter timers_fired;
    counter posts;   // functions that other threads (or this one) sent
    counter stalls;  // times that tasks kept the loop from turning: scheduler_options::stall_limit
    counter tasks_spawned;
    counter tasks_live;  // spawned and not yet finished
};

}  // namespace conduit
