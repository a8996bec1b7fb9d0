// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/inbox.hpp>

namespace conduit {

bool inbox::send(wakeup& item) noexcept {
    const std::lock_guard lock(mutex_);
    if (open_) put(item);
    return open_;
}

bool inbox::send_work(wakeup& item) noexcept {
    const std::lock_guard lock(mutex_);
    const bool accepted = open_ && accepts_work_;
    if (accepted) put(item);
    return accepted;
}

void inbox::put(wakeup& item) noexcept {
    items_.push_back(item);
    if (asleep_) {
        asleep_ = false;
        backend_->wake();
    }
}

void inbox::take_back(wakeup& item) noexcept {
    const std::lock_guard lock(mutex_);
    intrusive_list<wakeup, in_inbox>::remove(item);
}

std::size_t inbox::deliver() noexcept {
    {
        const std::lock_guard lock(mutex_);
        asleep_ = false;
        arrived_.take_all(items_);
    }
    std::size_t delivered = 0;
    for (; !arrived_.empty(); ++delivered) arrived_.pop_front().deliver();
    return delivered;
}

bool inbox::prepare_to_sleep() noexcept {
    const std::lock_guard lock(mutex_);
    asleep_ = items_.empty();
    return asleep_;
}

void inbox::accept_work(bool wanted) noexcept {
    const std::lock_guard lock(mutex_);
    accepts_work_ = wanted;
}

bool inbox::close_if_empty() noexcept {
    const std::lock_guard lock(mutex_);
    open_ = !items_.empty();
    return !open_;
}

void inbox::open() noexcept {
    const std::lock_guard lock(mutex_);
    open_ = true;
}

void inbox::abandon_all() noexcept {
    {
        const std::lock_guard lock(mutex_);
        open_ = false;
        arrived_.take_all(items_);
    }
    while (!arrived_.empty()) arrived_.pop_front().abandon();
}

}  // namespace conduit
