// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/semaphore.hpp>

namespace conduit {

semaphore::~semaphore() {
    CONDUIT_ASSERT(waiting_.empty() && granted_ == 0,
                   "a semaphore was destroyed while a task waits for it");
}

bool semaphore::try_acquire(std::size_t n) noexcept {
    waiting_.use();
    if (!waiting_.empty() || n > available_) return false;
    available_ -= n;
    return true;
}

void semaphore::release(std::size_t n) noexcept {
    waiting_.use();
    available_ += n;
    serve();
}

void semaphore::serve() noexcept {
    while (!waiting_.empty()) {
        const auto& next = static_cast<acquire_operation&>(waiting_.front());
        if (next.permits_ > available_) return;
        available_ -= next.permits_;
        ++granted_;
        waiting_.complete_front(0);
    }
}

operation::progress semaphore::acquire_operation::start() {
    if (semaphore_->try_acquire(permits_)) {
        ++semaphore_->granted_;
        return progress::done;
    }
    semaphore_->waiting_.add(*this);
    return progress::waiting;
}

// Those behind it may have waited only because it wanted more than they do.
void semaphore::acquire_operation::cancel() noexcept {
    complete(cancelled_outcome);
    semaphore_->serve();
}

result<void> semaphore::acquire_operation::await_resume() noexcept {
    if (failed()) return error();
    --semaphore_->granted_;
    return {};
}

semaphore::acquire_operation::~acquire_operation() {
    if (is_waiting()) {
        intrusive_list<operation, in_queue>::remove(*this);
        semaphore_->serve();
    } else if (is_queued() && !failed()) {
        --semaphore_->granted_;
        semaphore_->release(permits_);
    }
}

}  // namespace conduit
