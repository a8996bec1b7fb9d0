// SPDX-License-Identifier: BSL-1.0
//
// The part of a scheduler that every await touches: the running context, the ready queue, the
// budget of the turn, the timers. It is public because tasks and operations are templates that
// must reach it inline; users want scheduler.hpp.

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/counters.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/timer_queue.hpp>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <source_location>

namespace conduit {

class backend;
class inbox;
class operation;
class scheduler;
struct frame;

struct in_queue;  // tag: an operation in the ready queue, or in the queue of what it waits for

/// State of the scheduler that runs on this thread. One thread, no locks.
struct loop {
    /// Awaits that a task may do before it steps back through the ready queue.
    static constexpr std::int32_t budget_of_turn = 128;

    loop() noexcept = default;
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// The loop of this thread; asserts that there is one.
    static loop& running() noexcept {
        CONDUIT_ASSERT(current != nullptr, "this needs a running scheduler on this thread");
        return *current;
    }

    /// Spends one unit of the turn's budget; false when the running task must step back.
    bool spend() noexcept { return --budget > 0; }

    /// Queues the running task behind those that are ready, to go on with `next`. Returns what to
    /// resume meanwhile: nothing.
    std::coroutine_handle<> step_back(frame& next) noexcept;

    conduit::context* context = &root;  // of the running task
    std::int32_t budget = budget_of_turn;
    intrusive_list<operation, in_queue> ready;
    intrusive_list<operation, in_queue> batch;  // taken from `ready`, and run next
    timer_queue timers;
    clock::time_point now{};                               // when this turn began
    clock::duration stall_limit = clock::duration::max();  // that no turn should take
    std::source_location ended_at;  // of the task that ended last: frame::where
    conduit::context root;
    conduit::backend* backend = nullptr;
    std::shared_ptr<conduit::inbox> inbox;
    conduit::scheduler* owner = nullptr;
    conduit::counters counters;

    static inline thread_local constinit loop* current = nullptr;

protected:
    ~loop() = default;
};

}  // namespace conduit
