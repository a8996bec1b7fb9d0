// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/operation.hpp>

namespace conduit {

bool operation::finish_unstarted(stop_reason why) noexcept {
    outcome_ = cancelled_outcome;
    stopped_ = why;
    state_ = state::done;
    loop& l = loop::running();
    return !l.spend() && step_back(l);
}

bool operation::step_back(loop& l) noexcept {
    context_->settle_quietly();  // a task that never waits has its deadline all the same
    waiter_->since = l.now;
    enqueue(l);
    return true;
}

bool operation::wait() {
    loop& l = loop::running();
    state_ = state::waiting;
    try {
        context_->settle();
    } catch (...) {
        waiter_ = nullptr;  // nobody waits: what completes it later finds nobody to resume
        throw;
    }
    waiter_->since = l.now;
    context_->waiting().push_back(*this);
    l.counters.waits.add();
    return true;
}

void operation::complete(std::int32_t outcome) noexcept {
    CONDUIT_ASSERT(is_waiting(), "an operation completes once, and only while it waits");
    loop& l = loop::running();
    outcome_ = outcome;
    if (waiter_ == nullptr) {  // see wait()
        static_cast<list_hook<in_queue>&>(*this).unlink();
        state_ = state::queued;
        return;
    }
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
