// SPDX-License-Identifier: BSL-1.0
//
// Something that has happened or not: a flag that tasks of one scheduler wait for. To hand over a
// value use queue.hpp; to let in a number of tasks at a time use semaphore.hpp; to reach another
// thread's tasks use scheduler::post() or shared_queue.hpp.
//
//     conduit::event ready;
//     scope.spawn(serve(ready));                          // calls ready.set() once it listens
//     co_await ready.wait();
//     ready.reset();                                      // later waits wait again

#pragma once

#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/wait_queue.hpp>

#include <system_error>

namespace conduit {

/// A flag that stays set until it is reset.
///
/// Any number of tasks may wait. It belongs to the scheduler of its first use; use from another one
/// asserts. It must outlive its waits: destroying it under one asserts. A cancelled or destroyed
/// wait takes nothing away from others.
class event {
public:
    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();

    /// Ends all waits, in the order they began; none of them runs from here. They have then seen
    /// the event, also when reset() follows at once.
    void set() noexcept;

    void reset() noexcept;

    bool is_set() const noexcept { return set_; }

    class wait_operation;
    /// Waits until the event is set; not at all when it is. Yields a zero code, or errc::cancelled
    /// or errc::timed_out when the wait was ended. The code may be ignored.
    wait_operation wait() noexcept;

private:
    wait_queue waiting_;
    bool set_ = false;
};

class event::wait_operation final : public operation {
public:
    explicit wait_operation(event& awaited) noexcept : event_(&awaited) {}
    wait_operation(wait_operation&&) noexcept = default;

    const char* name() const noexcept override { return "event"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    std::error_code await_resume() const noexcept { return error(); }

private:
    progress start() override;

    event* event_;
};

inline event::wait_operation event::wait() noexcept { return wait_operation(*this); }

}  // namespace conduit
