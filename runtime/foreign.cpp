// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/foreign.hpp>

namespace conduit {

foreign_wait::~foreign_wait() {
    if (is_waiting()) inbox_->take_back(*this);
}

operation::progress foreign_wait::run_bridge(std::coroutine_handle<> bridge) {
    home_ = &loop::running();
    inbox_ = home_->inbox;
    starting_ = true;
    bridge.resume();
    starting_ = false;
    return ended_at_once_ ? progress::done : progress::waiting;
}

void foreign_wait::bridge_ended() noexcept {
    if (loop::current != home_) {
        // The scheduler cannot have ended: it would have destroyed this task and the bridge in it.
        static_cast<void>(inbox_->send(*this));
    } else if (starting_) {
        ended_at_once_ = true;
    } else {
        complete(0);
    }
}

}  // namespace conduit
