// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/shared_queue.hpp>

namespace conduit {

void expect_plain_thread() noexcept {
    CONDUIT_ASSERT(loop::current == nullptr,
                   "this blocks the thread and with it the scheduler that runs on it: use "
                   "co_await push() or pop()");
}

operation::progress shared_queue_operation::start() {
    home_ = loop::running().inbox.get();
    const std::lock_guard lock(*lock_);
    const buffer_answer answer = ask();
    if (answer == buffer_answer::closed) set_outcome(closed_outcome);
    return answer == buffer_answer::wait ? progress::waiting : progress::done;
}

void shared_queue_operation::send_home(bool served) noexcept {
    woken_with_ = served ? 0 : closed_outcome;
    // Its scheduler has not ended, or it would have destroyed the task that waits.
    static_cast<void>(home_->send(*this));
}

void shared_queue_operation::cancel() noexcept {
    {
        const std::lock_guard lock(*lock_);
        if (!intrusive_list<buffer_waiter, in_buffer>::contains(place())) return;
        intrusive_list<buffer_waiter, in_buffer>::remove(place());
    }
    complete(cancelled_outcome);
}

bool shared_queue_operation::leave(buffer_waiter& place) noexcept {
    if (is_queued()) return !failed();
    if (!is_waiting()) return false;
    {
        const std::lock_guard lock(*lock_);
        if (intrusive_list<buffer_waiter, in_buffer>::contains(place)) {
            intrusive_list<buffer_waiter, in_buffer>::remove(place);
            return false;
        }
    }
    home_->take_back(*this);
    return woken_with_ == 0;
}

}  // namespace conduit
