// SPDX-License-Identifier: BSL-1.0
//
// How other threads reach a scheduler: they send it wakeups, which it delivers on its own thread
// between two tasks. The base of post(), on(), blocking(), shared_queue and std::stop_token.
//
//     struct ping : wakeup { void deliver() noexcept override { ... } };
//     bool sent = sched.inbox()->send(p);                 // from any thread

#pragma once

#include <conduit/runtime/intrusive_list.hpp>

#include <cstddef>
#include <mutex>

namespace conduit {

class backend;

struct in_inbox;  // tag: a wakeup on its way

/// Something to be done on a scheduler's thread. It is sent once at a time and must not be
/// destroyed while it is on its way: see inbox::take_back().
class wakeup : public list_hook<in_inbox> {
public:
    /// Runs on the scheduler's thread, in no task's context. It must not wait and may destroy the
    /// wakeup.
    virtual void deliver() noexcept = 0;

    /// Called instead when the scheduler is destroyed without having run again.
    virtual void abandon() noexcept {}

protected:
    wakeup() noexcept = default;
    ~wakeup() = default;
};

/// The wakeups on their way to one scheduler, in the order they were sent. Shared, so that it
/// outlives the scheduler for those who still send to it.
class inbox {
public:
    explicit inbox(backend& target) noexcept : backend_(&target) {}

    /// Sends from any thread. False when the scheduler has ended: then it is never delivered.
    [[nodiscard]] bool send(wakeup& item) noexcept;

    /// Sends something that begins new work: refused too while the scheduler is ending.
    [[nodiscard]] bool send_work(wakeup& item) noexcept;

    /// Makes sure that `item` is not on its way any more. Only on the scheduler's thread.
    void take_back(wakeup& item) noexcept;

    /// The scheduler's side: delivers what has arrived; yields how many those were.
    std::size_t deliver() noexcept;
    /// The scheduler's side: false when something has arrived, so that it must not sleep.
    bool prepare_to_sleep() noexcept;
    /// The scheduler's side: accepts work from now on, or no more.
    void accept_work(bool wanted) noexcept;
    /// The scheduler's side: closes unless something has arrived; open() undoes it.
    bool close_if_empty() noexcept;
    void open() noexcept;
    /// The scheduler's side, at its destruction: closes and abandons what is there.
    void abandon_all() noexcept;

private:
    void put(wakeup& item) noexcept;

    std::mutex mutex_;
    backend* backend_;
    bool open_ = true;
    bool accepts_work_ = true;
    bool asleep_ = false;
    intrusive_list<wakeup, in_inbox> items_;
    intrusive_list<wakeup, in_inbox> arrived_;  // touched by the scheduler's thread only
};

}  // namespace conduit
