// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/quiet_thread.hpp>
#include <conduit/runtime/detail/thread_pool.hpp>

#include <new>

namespace conduit {

thread_pool::~thread_pool() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& each : threads_) each.join();
}

std::error_code thread_pool::submit(pool_work& work) {
    bool short_of_threads = false;
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(work);
        ++waiting_count_;
        short_of_threads = waiting_count_ > idle_ && threads_.size() < threads_max_;
    }
    changed_.notify_one();
    if (!short_of_threads) return {};
    const std::error_code failure = start_thread();
    if (!failure || !threads_.empty()) return {};  // the threads there are will come to it
    return take_back(work) ? failure : std::error_code();
}

std::error_code thread_pool::start_thread() noexcept {
    try {
        threads_.reserve(threads_.size() + 1);
        threads_.push_back(start_quiet_thread([this] { serve(); }));
    } catch (const std::system_error& error) {
        return error.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}

bool thread_pool::take_back(pool_work& work) noexcept {
    const std::lock_guard lock(mutex_);
    if (!intrusive_list<pool_work, in_pool>::contains(work)) return false;
    intrusive_list<pool_work, in_pool>::remove(work);
    --waiting_count_;
    return true;
}

void thread_pool::serve() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
        --idle_;
        if (waiting_.empty()) return;
        pool_work& next = waiting_.pop_front();
        --waiting_count_;
        lock.unlock();
        next.run();
        lock.lock();
    }
}

}  // namespace conduit
