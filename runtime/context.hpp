// SPDX-License-Identifier: BSL-1.0
//
// What a task inherits from whoever awaits or spawned it: a stop request, a deadline, a name and
// trace values. Nothing is passed as a parameter: the current context belongs to the scheduler and
// changes at within() (within.hpp), at a task_scope and when another task is resumed.
//
//     if (conduit::stop_requested()) co_return;       // between two waits; a wait says so itself
//     auto left = conduit::current_context().deadline() - conduit::clock::now();

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/timer_queue.hpp>

#include <cstdint>
#include <string_view>

namespace conduit {

class job;
class operation;

struct in_parent;   // tag: a context among its parent's children
struct in_context;  // tag: an operation among those that wait under a context

enum class stop_reason : std::uint8_t { none, cancelled, timed_out };

/// errc::cancelled or errc::timed_out; a zero code for stop_reason::none.
std::error_code to_error_code(stop_reason why) noexcept;

/// One node of the tree of contexts, with the operations that wait under it.
///
/// It lives in what opens it: a scope, a spawned task, a within(). All use is on the thread of its
/// scheduler. A context that dies hands its children, and what waits in it, to its parent.
class context final : public list_hook<in_parent>, private timer_entry {
public:
    context() noexcept = default;
    ~context() { detach(); }

    /// Takes its place under `parent` at once. Throws std::bad_alloc when the parent's own place is
    /// only promised and no timer can be set for it.
    void attach(context& parent);

    /// Promises to take its place under `parent` when something first waits in it or asks for its
    /// deadline; the clock of `limit` starts then. Costs next to nothing until then.
    void attach_lazily(context& parent, clock::duration limit, clock::time_point deadline) noexcept;

    /// Leaves the tree. Its children go to its parent, and so do operations that wait in it and
    /// outlive it: named before a within() whose task is now destroyed, they go next.
    void detach() noexcept;

    /// Makes a promised place real. Throws std::bad_alloc when no timer can be set.
    void settle() {
        if (!settled_) settle_now();
    }

    /// Asks everything that waits under this context and its children to end. Returns at once;
    /// nothing is resumed from here. The first reason stands.
    void request_stop(stop_reason why = stop_reason::cancelled) noexcept;

    stop_reason why_stopped() noexcept {
        if (!settled_) inherit_stop();
        return stop_;
    }
    bool stop_requested() noexcept { return why_stopped() != stop_reason::none; }

    /// Makes it real if there is memory for a timer; otherwise the next wait tries again.
    void settle_quietly() noexcept {
        if (!settled_) [[unlikely]]
            try_to_settle();
    }

    /// The nearest deadline on the way to the root; time_point::max() when there is none.
    clock::time_point deadline() {
        settle();
        return settled_deadline();
    }

    /// The same, without the deadlines whose clock has not started.
    clock::time_point settled_deadline() const noexcept;

    /// The name given by with_name() or spawn(), or an empty one.
    std::string_view name() const noexcept { return name_; }
    void set_name(std::string_view name) noexcept { name_ = name; }

    context* parent() const noexcept { return parent_; }

    /// The nearest trace value under `key` on the way to the root, or null (within.hpp).
    const void* find_value(const void* key) const noexcept;
    void set_value(const void* key, const void* value) noexcept {
        key_ = key;
        value_ = value;
    }

    /// The spawned task, or the root task, that runs in this context or under it.
    job* find_job() const noexcept {
        const context* at = this;
        while (at != nullptr && at->job_ == nullptr) at = at->parent_;
        return at != nullptr ? at->job_ : nullptr;
    }
    void set_job(job* owner) noexcept { job_ = owner; }

    intrusive_list<context, in_parent>& children() noexcept { return children_; }
    intrusive_list<operation, in_context>& waiting() noexcept { return waiting_; }

private:
    void fire() noexcept override { request_stop(stop_reason::timed_out); }
    void settle_now();
    void try_to_settle() noexcept;
    void inherit_stop() noexcept;

    context* parent_ = nullptr;
    intrusive_list<context, in_parent> children_;
    intrusive_list<operation, in_context> waiting_;
    clock::time_point deadline_ = clock::time_point::max();  // its own, not the parent's
    clock::duration limit_ = clock::duration::max();         // from when it is settled
    job* job_ = nullptr;
    std::string_view name_;
    const void* key_ = nullptr;
    const void* value_ = nullptr;
    stop_reason stop_ = stop_reason::none;
    bool settled_ = true;  // a root is; others from attach() or settle() on
};

/// The context of the running task. Asserts that a scheduler runs on this thread.
context& current_context() noexcept;

/// Whether the running task was asked to stop, or its deadline had passed when the scheduler last
/// looked at the clock: a task that computes for long learns of it after its next yield().
bool stop_requested() noexcept;

}  // namespace conduit
