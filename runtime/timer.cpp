// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/timer.hpp>

namespace conduit {

sleep_operation::~sleep_operation() {
    if (is_waiting()) loop::running().timers.remove(*this);
}

operation::progress sleep_operation::start() {
    const bool relative = due_ == clock::time_point::min();
    loop::running().timers.add(*this, relative ? saturating_add(clock::now(), wait_) : due_);
    return progress::waiting;
}

void sleep_operation::cancel() noexcept {
    loop::running().timers.remove(*this);
    complete(cancelled_outcome);
}

}  // namespace conduit
