// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/spare_blocks.hpp>
#include <conduit/runtime/task_group.hpp>

namespace conduit {

errand_base::errand_base(scheduler& there, std::string_view name)
    : there_(there.inbox()),
      name_(name),
      home_(loop::current != nullptr ? loop::current->inbox : nullptr) {}

// The inbox is named by whoever calls, who also keeps the errand alive: once the message is sent,
// the other side may be done with it.
bool errand_base::message::send(inbox& to, bool is_work) noexcept {
    alive_ = errand_.shared_from_this();
    const bool sent = is_work ? to.send_work(*this) : to.send(*this);
    if (!sent) alive_.reset();
    return sent;
}

void errand_base::message::deliver() noexcept {
    const std::shared_ptr<errand_base> alive = std::move(alive_);
    (errand_.*arrived_)();
}

void errand_base::message::abandon() noexcept {
    const std::shared_ptr<errand_base> alive = std::move(alive_);
    (errand_.*lost_)();
}

bool errand_base::depart(operation* waiter, clock::time_point deadline) {
    waiter_ = waiter;
    deadline_ = deadline;
    return departure_.send(*there_, true);
}

void errand_base::wait() noexcept {
    back_.acquire();
    free_task();
    frame_pool::of_thread().trim();  // no scheduler does it on this thread
    spare_blocks::of_thread().trim();
}

void errand_base::request_stop(stop_reason why) noexcept {
    stop_reason none = stop_reason::none;
    if (!stop_.compare_exchange_strong(none, why)) return;
    static_cast<void>(stopping_.send(*there_, false));  // refused: it is on its way back
}

void errand_base::abandon() noexcept {
    waiter_ = nullptr;
    request_stop(stop_reason::cancelled);
}

void errand_base::expect_wanted() const {
    const stop_reason why = stop_.load();
    if (why != stop_reason::none) throw std::system_error(to_error_code(why));
}

// Delivered while the scheduler there ends, it would only be stopped.
void errand_base::begin() noexcept {
    task_group& guests = loop::running().owner->guests();
    if (guests.stop_requested()) return never_began();
    try {
        guests.spawn(run(), name_);
        is_there_ = true;
    } catch (...) {
        fail(std::current_exception());
        send_back();
    }
}

void errand_base::never_began() noexcept {
    fail(std::make_exception_ptr(std::system_error(make_error_code(errc::cancelled))));
    send_back();
}

// A task that was destroyed with its scheduler is destroyed there: that is where its parts wait.
void errand_base::leave() noexcept {
    if (!has_outcome_) {
        free_task();
        fail(std::make_exception_ptr(std::system_error(make_error_code(errc::cancelled))));
    }
    send_back();
}

void errand_base::stop_there() noexcept {
    if (running_in_ != nullptr) running_in_->request_stop(stop_.load());
}

void errand_base::send_back() noexcept {
    if (home_ == nullptr) {
        back_.release();
    } else {
        static_cast<void>(return_.send(*home_, false));  // refused: nobody waits any more
    }
}

void errand_base::is_back() noexcept {
    free_task();
    if (waiter_ != nullptr) waiter_->complete(0);
}

operation::progress errand_wait::start() {
    if (errand_->depart(this, current_context().deadline())) return progress::waiting;
    set_outcome(cancelled_outcome);
    return progress::done;
}

}  // namespace conduit
