// SPDX-License-Identifier: BSL-1.0
//
// What a task waits for. Every awaitable of conduit that can wait (a read, a sleep, an event) is an
// operation that lives in the awaiting coroutine's frame: no allocation, exactly one completion.
//
// Cancelling asks and waits: the operation completes later with errc::cancelled or errc::timed_out,
// or with the result that arrived first, which wins. Destroying it (with the task that waits) takes
// it back at once; a result that is already there is then released.
//
// To make a new kind: derive, be movable while idle, implement start() and cancel(), withdraw in
// the destructor when is_waiting(), and call complete() exactly once after start() said waiting.

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/loop.hpp>

#include <coroutine>
#include <cstdint>
#include <system_error>

namespace conduit {

/// The state common to all operations: 64 bytes, since g++ 12 gives each its own place in a frame.
class operation : public list_hook<in_context>, public list_hook<in_queue> {
public:
    using conduit_awaitable = void;

    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return begin(awaiting.promise());
    }

    /// What it does, for people: "read", "sleep". Static storage.
    virtual const char* name() const noexcept = 0;

    /// Asks the operation to end. Called while it waits. It completes later, or has completed when
    /// this returns, but no task is resumed from here.
    virtual void cancel() noexcept = 0;

    /// The outcome for complete() when a cancellation took effect.
    static constexpr std::int32_t cancelled_outcome = -125;  // -ECANCELED

    /// Ends the wait with `outcome` (a count, or a negative errno) and queues the task that waits.
    void complete(std::int32_t outcome) noexcept;

    /// Goes on waiting under another context. For context::detach().
    void wait_under(context& other) noexcept { context_ = &other; }

    const frame* waiter() const noexcept { return waiter_; }
    context* where() const noexcept { return context_; }

protected:
    enum class progress : std::uint8_t { done, waiting };

    /// A stoppable operation completes at once, unstarted, where a stop was already requested.
    enum class kind : std::uint8_t { stoppable, unstoppable };

    explicit operation(kind k = kind::stoppable) noexcept : unstoppable_(k == kind::unstoppable) {}
    operation(operation&& other) noexcept : unstoppable_(other.unstoppable_) {
        CONDUIT_ASSERT(other.state_ == state::idle, "an operation was moved after it had started");
    }
    ~operation() = default;

    /// Tries at once: says done after set_outcome(), or waiting when complete() will come.
    virtual progress start() = 0;

    void set_outcome(std::int32_t outcome) noexcept { outcome_ = outcome; }
    std::int32_t outcome() const noexcept { return outcome_; }
    bool failed() const noexcept { return outcome_ < 0; }

    /// Why it failed; a zero code when it did not.
    std::error_code error() const noexcept;

    /// Queues `next` without any wait, to be resumed in `under` (a task's own place in the queue).
    void resume_later(loop& l, frame& next, context& under) noexcept {
        under.settle_quietly();  // a task that never waits has its deadline all the same
        next.since = l.now;
        waiter_ = &next;
        context_ = &under;
        enqueue(l);
    }

    bool is_waiting() const noexcept { return state_ == state::waiting; }
    /// Completed, and its task not yet resumed: whoever destroys it now must release the result.
    bool is_queued() const noexcept { return state_ == state::queued; }

private:
    friend class scheduler;  // resumes it from the ready queue

    enum class state : std::uint8_t { idle, waiting, queued, done };

    bool begin(frame& awaiting);
    bool finish_unstarted(stop_reason why) noexcept;
    bool wait();
    bool step_back(loop& l) noexcept;
    void enqueue(loop& l) noexcept {
        state_ = state::queued;
        l.ready.push_back(*this);
    }

    frame* waiter_ = nullptr;
    context* context_ = nullptr;
    std::int32_t outcome_ = 0;
    state state_ = state::idle;
    stop_reason stopped_ = stop_reason::none;
    bool unstoppable_ = false;
};

static_assert(sizeof(operation) <= 64, "every awaiting frame pays for this");

inline bool operation::begin(frame& awaiting) {
    CONDUIT_ASSERT(state_ == state::idle || state_ == state::done,
                   "an operation is awaited by one task at a time");
    loop& l = loop::running();
    waiter_ = &awaiting;
    context_ = l.context;
    outcome_ = 0;
    stopped_ = stop_reason::none;
    const stop_reason why = context_->why_stopped();
    if (why != stop_reason::none && !unstoppable_) [[unlikely]] {
        return finish_unstarted(why);
    }
    if (start() == progress::waiting) return wait();
    state_ = state::done;
    if (l.spend()) [[likely]]
        return false;
    return step_back(l);
}

}  // namespace conduit
