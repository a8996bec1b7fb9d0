// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/operation.hpp>

#include <cerrno>

namespace conduit {

bool operation::finish_unstarted(stop_reason why) noexcept {
    outcome_ = cancelled_outcome;
    stopped_ = why;
    state_ = state::done;
    loop& l = loop::running();
    if (l.spend()) return false;
    enqueue(l);
    return true;
}

bool operation::wait() {
    loop& l = loop::running();
    state_ = state::waiting;
    waiter_->since = l.now;
    context_->settle();
    context_->waiting().push_back(*this);
    l.counters.waits.add();
    return true;
}

void operation::complete(std::int32_t outcome) noexcept {
    CONDUIT_ASSERT(is_waiting(), "an operation completes once, and only while it waits");
    loop& l = loop::running();
    outcome_ = outcome;
    if (outcome == cancelled_outcome) {
        const stop_reason why = context_->why_stopped();
        stopped_ = why != stop_reason::none ? why : stop_reason::cancelled;
        l.counters.cancellations.add();
    }
    l.counters.completions.add();
    static_cast<list_hook<in_context>&>(*this).unlink();
    enqueue(l);
}

std::error_code operation::error() const noexcept {
    if (outcome_ >= 0) return {};
    if (stopped_ != stop_reason::none) return to_error_code(stopped_);
    return error_from_kernel(-outcome_);
}

}  // namespace conduit
