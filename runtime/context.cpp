// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>

#include <algorithm>
#include <new>

namespace conduit {

std::error_code to_error_code(stop_reason why) noexcept {
    switch (why) {
        case stop_reason::none: return {};
        case stop_reason::cancelled: return errc::cancelled;
        case stop_reason::timed_out: return errc::timed_out;
    }
    return {};
}

void context::attach(context& parent) {
    parent.settle();
    parent_ = &parent;
    parent.children_.push_back(*this);
    stop_ = parent.stop_;
    settled_ = true;
}

void context::attach_lazily(context& parent, clock::duration limit,
                            clock::time_point deadline) noexcept {
    parent_ = &parent;
    limit_ = limit;
    deadline_ = deadline;
    stop_ = stop_reason::none;
    settled_ = false;
}

// A limit sets a timer of its own, also when the parent's deadline is nearer: a context may outlive
// its parent, and must then neither lose its deadline nor keep the parent's.
void context::settle_now() {
    context& parent = *parent_;
    parent.settle();
    clock::time_point due = deadline_;
    if (limit_ != clock::duration::max()) {
        due = std::min(due, saturating_add(clock::now(), limit_));
    }
    if (due != clock::time_point::max()) loop::running().timers.add(*this, due);
    parent.children_.push_back(*this);
    if (stop_ == stop_reason::none) stop_ = parent.stop_;
    deadline_ = due;
    settled_ = true;
}

void context::try_to_settle() noexcept {
    try {
        settle_now();
    } catch (const std::bad_alloc&) {
    }
}

clock::time_point context::settled_deadline() const noexcept {
    auto nearest = clock::time_point::max();
    for (const context* at = this; at != nullptr; at = at->parent_) {
        if (at->settled_) nearest = std::min(nearest, at->deadline_);
    }
    return nearest;
}

// Up to the first context that knows: all above a settled one are settled too.
void context::inherit_stop() noexcept {
    const context* at = this;
    while (!at->settled_ && at->stop_ == stop_reason::none) at = at->parent_;
    stop_ = at->stop_;
}

void context::detach() noexcept {
    if (parent_ == nullptr) return;
    if (is_set()) loop::running().timers.remove(*this);
    for (context& child : children_) child.parent_ = parent_;
    parent_->children_.take_all(children_);
    for (operation& op : waiting_) op.wait_under(*parent_);
    parent_->waiting_.take_all(waiting_);
    unlink();
    parent_ = nullptr;
    settled_ = true;  // from now on a root of its own
}

void context::request_stop(stop_reason why) noexcept {
    if (stop_requested()) return;
    stop_ = why;
    for (context& child : children_) child.request_stop(why);
    // Cancelling one operation may complete another, so no iterator is held over it.
    intrusive_list<operation, in_context> asked;
    asked.take_all(waiting_);
    while (!asked.empty()) {
        operation& next = asked.pop_front();
        waiting_.push_back(next);
        next.cancel();
    }
}

const void* context::find_value(const void* key) const noexcept {
    for (const context* at = this; at != nullptr; at = at->parent_) {
        if (at->key_ == key) return at->value_;
    }
    return nullptr;
}

context& current_context() noexcept { return *loop::running().context; }

bool stop_requested() noexcept { return current_context().stop_requested(); }

}  // namespace conduit
