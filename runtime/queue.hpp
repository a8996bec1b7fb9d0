// SPDX-License-Identifier: BSL-1.0
//
// Hands values from task to task on one scheduler. It is bounded: who pushes waits for room, so a
// producer cannot run ahead of its consumers. Between threads or schedulers use shared_queue.hpp;
// for a signal without a value use event.hpp.
//
//     conduit::queue<order> orders(64);
//     scope.spawn(produce(orders));                      // co_await orders.push(one), then close()
//     for (;;) {
//         auto next = co_await orders.pop();
//         if (!next) break;                              // errc::closed: all were taken
//         handle(std::move(*next));
//     }

#pragma once

#include <conduit/runtime/bounded_buffer.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/wait_queue.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace conduit {

/// A bounded queue of one scheduler: first in, first out, for any number of tasks at either end.
///
/// It belongs to the scheduler of its first use; use from another one asserts. It must outlive its
/// waits (asserted); items left in it are destroyed with it. T must move without throwing.
///
/// No item is lost: a pop that is cancelled or destroyed has taken none, also when one had been
/// promised to it, and a push that fails still has its item (push_operation::take_back()). A push
/// destroyed with its task while it waits destroys its item.
template <class T>
class queue {
public:
    class push_operation;
    class pop_operation;
    using value_type = T;

    /// Makes room for `capacity` items, at least one.
    explicit queue(std::size_t capacity) : buffer_(capacity) {}
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;
    ~queue() {
        CONDUIT_ASSERT(buffer_.is_idle(), "a queue was destroyed while a task waits at it");
    }

    /// Waits until there is room, behind those who waited before; yields nothing but success, or
    /// errc::closed, errc::cancelled or errc::timed_out.
    push_operation push(T value) noexcept { return push_operation(*this, std::move(value)); }

    /// Waits for an item and yields it, or errc::closed once the queue is closed and empty, or
    /// errc::cancelled or errc::timed_out.
    pop_operation pop() noexcept { return pop_operation(*this); }

    /// Pushes if there is room now. Moves from `value` only if so.
    [[nodiscard]] bool try_push(T&& value) noexcept {
        home_.use();
        return buffer_.try_give(value);
    }

    /// Takes an item that no waiting task was promised, if there is one.
    [[nodiscard]] std::optional<T> try_pop() noexcept {
        home_.use();
        if (!buffer_.try_ask()) return std::nullopt;
        return buffer_.take();
    }

    /// Refuses pushes from now on, also those that wait; items inside can still be popped. Doing
    /// it again is fine.
    void close() noexcept {
        home_.use();
        buffer_.close();
    }

    bool is_closed() const noexcept { return buffer_.is_closed(); }
    std::size_t size() const noexcept { return buffer_.size(); }
    std::size_t capacity() const noexcept { return buffer_.capacity(); }

private:
    static constexpr std::int32_t closed_outcome = -4096;  // no errno

    on_one_scheduler home_;
    bounded_buffer<T> buffer_;
};

template <class T>
class queue<T>::push_operation final : public operation, private buffer_giver<T> {
public:
    push_operation(queue& into, T item) noexcept
        : buffer_giver<T>(std::move(item)), queue_(&into) {}
    push_operation(push_operation&& other) noexcept
        : operation(static_cast<operation&&>(other)),
          buffer_giver<T>(std::move(other.value)),
          queue_(other.queue_) {}

    const char* name() const noexcept override { return "push"; }
    void cancel() noexcept override {
        intrusive_list<buffer_waiter, in_buffer>::remove(*this);
        complete(cancelled_outcome);
    }
    result<void> await_resume() noexcept {
        if (outcome() == closed_outcome) return errc::closed;
        if (failed()) return error();
        return {};
    }

    /// The item of a push that failed.
    T take_back() noexcept {
        CONDUIT_ASSERT(failed(), "a push that did not fail has no item to give back");
        return std::move(this->value);
    }

private:
    progress start() override {
        queue_->home_.use();
        const buffer_answer answer = queue_->buffer_.give(*this);
        if (answer == buffer_answer::closed) set_outcome(closed_outcome);
        return answer == buffer_answer::wait ? progress::waiting : progress::done;
    }
    void wake(bool served) noexcept override { complete(served ? 0 : closed_outcome); }

    queue* queue_;
};

template <class T>
class queue<T>::pop_operation final : public operation, private buffer_waiter {
public:
    explicit pop_operation(queue& from) noexcept : queue_(&from) {}
    pop_operation(pop_operation&& other) noexcept
        : operation(static_cast<operation&&>(other)), queue_(other.queue_) {}
    ~pop_operation() {
        if (is_queued() && !failed()) queue_->buffer_.break_promise();
    }

    const char* name() const noexcept override { return "pop"; }
    void cancel() noexcept override {
        intrusive_list<buffer_waiter, in_buffer>::remove(*this);
        complete(cancelled_outcome);
    }
    result<T> await_resume() noexcept {
        if (outcome() == closed_outcome) return errc::closed;
        if (failed()) return error();
        return queue_->buffer_.take();
    }

private:
    progress start() override {
        queue_->home_.use();
        const buffer_answer answer = queue_->buffer_.ask(*this);
        if (answer == buffer_answer::closed) set_outcome(closed_outcome);
        return answer == buffer_answer::wait ? progress::waiting : progress::done;
    }
    void wake(bool served) noexcept override { complete(served ? 0 : closed_outcome); }

    queue* queue_;
};

}  // namespace conduit
