// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/event.hpp>

namespace conduit {

event::~event() {
    CONDUIT_ASSERT(waiting_.empty(), "an event was destroyed while a task waits for it");
}

void event::set() noexcept {
    waiting_.use();
    set_ = true;
    while (!waiting_.empty()) waiting_.complete_front(0);
}

void event::reset() noexcept {
    waiting_.use();
    set_ = false;
}

operation::progress event::wait_operation::start() {
    event_->waiting_.use();
    if (event_->set_) return progress::done;
    event_->waiting_.add(*this);
    return progress::waiting;
}

}  // namespace conduit
