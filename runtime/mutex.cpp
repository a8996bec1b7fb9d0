// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/mutex.hpp>

namespace conduit {

mutex::~mutex() {
    CONDUIT_ASSERT(!locked_ && waiting_.empty(),
                   "a mutex was destroyed while a task holds it or waits for it");
}

std::optional<scoped_lock> mutex::try_lock() noexcept {
    if (!take()) return std::nullopt;
    return scoped_lock(*this);
}

bool mutex::take() noexcept {
    waiting_.use();
    return !std::exchange(locked_, true);
}

// It stays locked while it passes to the next, so nobody can come in between.
void mutex::unlock() noexcept {
    waiting_.use();
    if (waiting_.empty()) {
        locked_ = false;
    } else {
        waiting_.complete_front(0);
    }
}

operation::progress mutex::lock_operation::start() {
    if (mutex_->take()) return progress::done;
    mutex_->waiting_.add(*this);
    return progress::waiting;
}

}  // namespace conduit
