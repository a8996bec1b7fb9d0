// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/within.hpp>

namespace conduit {

stop_relay::stop_relay(context& target, const std::stop_token& token)
    : target_(target), home_(loop::running()), inbox_(home_.inbox) {
    callback_.emplace(token, request(*this));
}

stop_relay::~stop_relay() {
    callback_.reset();  // waits for a callback that runs on another thread
    inbox_->take_back(*this);
}

void stop_relay::relay() noexcept {
    if (loop::current == &home_) {
        target_.request_stop();
    } else {
        static_cast<void>(inbox_->send(*this));  // a scheduler that has ended stopped all it had
    }
}

}  // namespace conduit
