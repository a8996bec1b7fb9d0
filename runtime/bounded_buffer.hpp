// SPDX-License-Identifier: BSL-1.0
//
// The items of a queue and who waits for them: the rules that queue.hpp and shared_queue.hpp have
// in common. It knows neither schedulers nor locks.
//
// A taker that is woken has been promised an item; the item itself stays in the buffer until the
// taker comes for it. So a taker that is destroyed in between breaks its promise and loses nothing.
//
//     conduit::bounded_buffer<int> buffer(8);
//     if (buffer.give(giver) == conduit::buffer_answer::wait) ...  // giver.wake() comes later
//     if (buffer.ask(taker) == conduit::buffer_answer::served) use(buffer.take());

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/intrusive_list.hpp>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit {

struct in_buffer;  // tag: someone who waits at a buffer

enum class buffer_answer { served, closed, wait };

/// Who waits, for an item or for room. One that is destroyed leaves by itself.
class buffer_waiter : public list_hook<in_buffer> {
public:
    /// Ends the wait, with what was waited for or because the buffer was closed. It must not call
    /// the buffer.
    virtual void wake(bool served) noexcept = 0;

protected:
    buffer_waiter() noexcept = default;
    ~buffer_waiter() = default;
};

/// Who waits for room, with the item to put there. It is moved from once it was served.
template <class T>
class buffer_giver : public buffer_waiter {
public:
    explicit buffer_giver(T given) noexcept : value(std::move(given)) {}

    T value;

protected:
    ~buffer_giver() = default;
};

/// Room for a fixed number of items, first in, first out.
template <class T>
class bounded_buffer {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "an item must move without throwing, or it could be lost on its way");

public:
    explicit bounded_buffer(std::size_t capacity) : places_(capacity) {
        CONDUIT_ASSERT(capacity > 0, "a queue has room for at least one item");
    }

    std::size_t size() const noexcept { return count_; }
    std::size_t capacity() const noexcept { return places_.size(); }
    bool is_closed() const noexcept { return closed_; }
    /// Nobody waits, and no promise is open.
    bool is_idle() const noexcept { return givers_.empty() && takers_.empty() && promised_ == 0; }

    /// Moves `value` in, if there is room for it now.
    bool try_give(T& value) noexcept {
        if (closed_ || count_ == places_.size()) return false;
        insert(value);
        serve();
        return true;
    }

    /// Moves the giver's item in, or notes the giver: it is woken when that has happened.
    buffer_answer give(buffer_giver<T>& from) noexcept {
        if (closed_) return buffer_answer::closed;
        if (try_give(from.value)) return buffer_answer::served;
        givers_.push_back(from);
        return buffer_answer::wait;
    }

    /// Promises an item that nobody was promised.
    bool try_ask() noexcept {
        if (promised_ == count_) return false;
        ++promised_;
        return true;
    }

    /// Promises an item, or notes the taker: it is woken with a promise. Closed means that there
    /// will be no more items.
    buffer_answer ask(buffer_waiter& taker) noexcept {
        if (try_ask()) return buffer_answer::served;
        if (closed_ && count_ == 0) return buffer_answer::closed;
        takers_.push_back(taker);
        return buffer_answer::wait;
    }

    /// Takes the oldest item, for a promise.
    T take() noexcept {
        std::optional<T>& place = places_[first_];
        T value = std::move(*place);
        place.reset();
        first_ = (first_ + 1) % places_.size();
        --count_;
        --promised_;
        serve();
        return value;
    }

    /// Gives a promise back unused: the next in line gets it.
    void break_promise() noexcept {
        --promised_;
        serve();
    }

    /// Refuses all givers from now on, those that wait included. What is inside can be taken.
    void close() noexcept {
        closed_ = true;
        while (!givers_.empty()) givers_.pop_front().wake(false);
        serve();
    }

private:
    void insert(T& value) noexcept {
        places_[(first_ + count_) % places_.size()].emplace(std::move(value));
        ++count_;
    }

    void serve() noexcept {
        while (!givers_.empty() && count_ < places_.size()) {
            auto& giver = static_cast<buffer_giver<T>&>(givers_.pop_front());
            insert(giver.value);
            giver.wake(true);
        }
        while (!takers_.empty() && promised_ < count_) {
            ++promised_;
            takers_.pop_front().wake(true);
        }
        while (closed_ && count_ == 0 && !takers_.empty()) takers_.pop_front().wake(false);
    }

    std::vector<std::optional<T>> places_;  // a ring
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t promised_ = 0;  // of those, how many a taker comes for
    bool closed_ = false;
    intrusive_list<buffer_waiter, in_buffer> givers_;  // only while there is no room
    intrusive_list<buffer_waiter, in_buffer> takers_;  // only while all items are promised
};

}  // namespace conduit
