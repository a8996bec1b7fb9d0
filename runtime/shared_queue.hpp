// SPDX-License-Identifier: BSL-1.0
//
// Hands values between threads: between tasks of different schedulers, and plain threads. It is
// bounded, so who pushes waits for room. Between tasks of one scheduler use queue.hpp, which needs
// no lock.
//
//     conduit::shared_queue<frame> frames(16);
//     std::thread camera([&] { while (frames.blocking_push(grab())) {} });
//     auto next = co_await frames.pop();                  // in a task, on any scheduler
//     ...
//     frames.close();                                     // ends the camera's loop
//     camera.join();

#pragma once

#include <conduit/runtime/bounded_buffer.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace conduit {

/// A bounded queue for any thread and any scheduler: first in, first out.
///
/// It must outlive all that use it; destroying it under a wait asserts. Items left in it are
/// destroyed with it. T must move without throwing.
///
/// No item is lost: a pop that is cancelled or destroyed has taken none, also when one had been
/// promised to it, and a push that fails still has its item (push_operation::take_back()). A push
/// destroyed with its task while it waits destroys its item.
template <class T>
class shared_queue {
public:
    class push_operation;
    class pop_operation;
    using value_type = T;

    /// Makes room for `capacity` items, at least one.
    explicit shared_queue(std::size_t capacity) : buffer_(capacity) {}
    shared_queue(const shared_queue&) = delete;
    shared_queue& operator=(const shared_queue&) = delete;
    ~shared_queue() {
        CONDUIT_ASSERT(buffer_.is_idle(), "a shared queue was destroyed while someone waits at it");
    }

    /// In a task: waits until there is room, behind those who waited before. Yields nothing but
    /// success, or errc::closed, errc::cancelled or errc::timed_out.
    push_operation push(T value) noexcept { return push_operation(*this, std::move(value)); }

    /// In a task: waits for an item and yields it, or errc::closed once the queue is closed and
    /// empty, or errc::cancelled or errc::timed_out.
    pop_operation pop() noexcept { return pop_operation(*this); }

    /// Blocks the thread until there is room. Fails with errc::closed only, and then has not moved
    /// from `value`. Asserts that no scheduler runs on this thread.
    [[nodiscard]] result<void> blocking_push(T&& value);

    /// Blocks the thread until there is an item. Fails with errc::closed only, once the queue is
    /// closed and empty. Asserts that no scheduler runs on this thread.
    [[nodiscard]] result<T> blocking_pop();

    /// Pushes if there is room now. Moves from `value` only if so. From anywhere.
    [[nodiscard]] bool try_push(T&& value) {
        const std::lock_guard lock(mutex_);
        return buffer_.try_give(value);
    }

    /// Takes an item that nobody who waits was promised, if there is one. From anywhere.
    [[nodiscard]] std::optional<T> try_pop() {
        const std::lock_guard lock(mutex_);
        if (!buffer_.try_ask()) return std::nullopt;
        return buffer_.take();
    }

    /// Refuses pushes from now on, also those that wait; items inside can still be popped. Doing
    /// it again is fine. From anywhere.
    void close() {
        const std::lock_guard lock(mutex_);
        buffer_.close();
    }

    bool is_closed() const {
        const std::lock_guard lock(mutex_);
        return buffer_.is_closed();
    }
    /// How many items are inside; it may have changed already.
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return buffer_.size();
    }
    std::size_t capacity() const noexcept { return buffer_.capacity(); }

private:
    mutable std::mutex mutex_;
    bounded_buffer<T> buffer_;
};

/// A task that waits at a queue which other threads use.
///
/// It is woken under the lock of the queue, on any thread, and the wakeup sent to its scheduler. So
/// under that lock it is either still noted at the queue, or its wakeup has been sent.
class shared_queue_operation : public operation, private wakeup {
public:
    void cancel() noexcept override;

protected:
    shared_queue_operation(std::mutex& lock, const char* name) noexcept
        : lock_(&lock), name_(name) {}
    shared_queue_operation(shared_queue_operation&& other) noexcept
        : operation(static_cast<operation&&>(other)), lock_(other.lock_), name_(other.name_) {}
    ~shared_queue_operation() = default;

    const char* name() const noexcept override { return name_; }

    /// Its place at the queue.
    virtual buffer_waiter& place() noexcept = 0;

    /// Asks for what it wants, under the lock.
    virtual buffer_answer ask() noexcept = 0;

    void send_home(bool served) noexcept;

    /// Makes sure, while it is destroyed, that nobody will wake it any more. True when it was
    /// served: what it was given must go back.
    bool leave(buffer_waiter& place) noexcept;

    bool found_closed() const noexcept { return outcome() == closed_outcome; }

private:
    static constexpr std::int32_t closed_outcome = -4096;  // no errno

    progress start() override;
    void deliver() noexcept override { complete(woken_with_); }

    std::mutex* lock_;
    const char* name_;
    inbox* home_ = nullptr;
    std::int32_t woken_with_ = 0;
};

/// A plain thread that waits at a queue. `Waiter` is a buffer_waiter or a buffer_giver.
template <class Waiter>
class waiting_thread final : public Waiter {
public:
    using Waiter::Waiter;

    void wake(bool served) noexcept override {
        served_ = served;
        woken_.notify_one();
    }
    /// True when it was served, false when the queue was closed.
    bool wait(std::unique_lock<std::mutex>& lock) {
        woken_.wait(lock, [this] { return served_.has_value(); });
        return *served_;
    }

private:
    std::condition_variable woken_;
    std::optional<bool> served_;
};

/// Asserts that no scheduler runs on this thread, which would stand still.
void expect_plain_thread() noexcept;

template <class T>
class shared_queue<T>::push_operation final : public shared_queue_operation,
                                              private buffer_giver<T> {
public:
    push_operation(shared_queue& into, T item) noexcept
        : shared_queue_operation(into.mutex_, "push"),
          buffer_giver<T>(std::move(item)),
          queue_(&into) {}
    push_operation(push_operation&& other) noexcept
        : shared_queue_operation(static_cast<shared_queue_operation&&>(other)),
          buffer_giver<T>(std::move(other.value)),
          queue_(other.queue_) {}
    ~push_operation() { static_cast<void>(leave(*this)); }

    result<void> await_resume() noexcept {
        if (found_closed()) return errc::closed;
        if (failed()) return error();
        return {};
    }

    /// The item of a push that failed.
    T take_back() noexcept {
        CONDUIT_ASSERT(failed(), "a push that did not fail has no item to give back");
        return std::move(this->value);
    }

private:
    buffer_waiter& place() noexcept override { return *this; }
    buffer_answer ask() noexcept override { return queue_->buffer_.give(*this); }
    void wake(bool served) noexcept override { send_home(served); }

    shared_queue* queue_;
};

template <class T>
class shared_queue<T>::pop_operation final : public shared_queue_operation, private buffer_waiter {
public:
    explicit pop_operation(shared_queue& from) noexcept
        : shared_queue_operation(from.mutex_, "pop"), queue_(&from) {}
    pop_operation(pop_operation&& other) noexcept
        : shared_queue_operation(static_cast<shared_queue_operation&&>(other)),
          queue_(other.queue_) {}
    ~pop_operation() {
        if (!leave(*this)) return;
        const std::lock_guard lock(queue_->mutex_);
        queue_->buffer_.break_promise();
    }

    result<T> await_resume() noexcept {
        if (found_closed()) return errc::closed;
        if (failed()) return error();
        const std::lock_guard lock(queue_->mutex_);
        return queue_->buffer_.take();
    }

private:
    buffer_waiter& place() noexcept override { return *this; }
    buffer_answer ask() noexcept override { return queue_->buffer_.ask(*this); }
    void wake(bool served) noexcept override { send_home(served); }

    shared_queue* queue_;
};

template <class T>
result<void> shared_queue<T>::blocking_push(T&& value) {
    expect_plain_thread();
    std::unique_lock lock(mutex_);
    if (buffer_.try_give(value)) return {};
    if (buffer_.is_closed()) return errc::closed;
    waiting_thread<buffer_giver<T>> here(std::move(value));
    static_cast<void>(buffer_.give(here));
    if (here.wait(lock)) return {};
    value = std::move(here.value);
    return errc::closed;
}

template <class T>
result<T> shared_queue<T>::blocking_pop() {
    expect_plain_thread();
    std::unique_lock lock(mutex_);
    waiting_thread<buffer_waiter> here;
    const buffer_answer answer = buffer_.ask(here);
    if (answer == buffer_answer::closed) return errc::closed;
    if (answer == buffer_answer::wait && !here.wait(lock)) return errc::closed;
    return buffer_.take();
}

}  // namespace conduit
