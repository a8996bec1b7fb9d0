// SPDX-License-Identifier: BSL-1.0
//
// The timers of one scheduler, soonest first: a heap of four children per node whose elements know
// their place, so setting and cancelling touch few cache lines. To wait for a time use timer.hpp.
//
//     queue.add(entry, clock::now() + 5ms);
//     queue.remove(entry);                                // never fires
//     while (queue.next() <= now) queue.pop().fire();

#pragma once

#include <conduit/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace conduit {

/// Something that fires at a time. It must be out of the queue when it is destroyed.
class timer_entry {
public:
    timer_entry(const timer_entry&) = delete;
    timer_entry& operator=(const timer_entry&) = delete;

    bool is_set() const noexcept { return place_ != nowhere; }

    /// Called once by the scheduler, when the time has come and the entry has left the queue.
    virtual void fire() noexcept = 0;

protected:
    timer_entry() noexcept = default;
    ~timer_entry() = default;

private:
    friend class timer_queue;
    static constexpr std::uint32_t nowhere = UINT32_MAX;

    clock::time_point due_{};
    std::uint64_t order_ = 0;
    std::uint32_t place_ = nowhere;
};

/// Holds entries it does not own. Entries due at the same time leave in the order they came.
class timer_queue {
public:
    bool empty() const noexcept { return heap_.empty(); }
    std::size_t size() const noexcept { return heap_.size(); }

    /// When the soonest entry is due; time_point::max() when there is none.
    clock::time_point next() const noexcept {
        return heap_.empty() ? clock::time_point::max() : heap_.front()->due_;
    }

    /// Adds an entry that is not set. Throws std::bad_alloc, and then nothing has changed.
    void add(timer_entry& entry, clock::time_point due);

    /// Takes an entry out; does nothing to one that is not set.
    void remove(timer_entry& entry) noexcept;

    /// Takes the soonest entry out.
    timer_entry& pop() noexcept;

private:
    static bool before(const timer_entry& a, const timer_entry& b) noexcept {
        return a.due_ != b.due_ ? a.due_ < b.due_ : a.order_ < b.order_;
    }
    void put(std::size_t place, timer_entry& entry) noexcept;
    void sift_up(std::size_t place) noexcept;
    void sift_down(std::size_t place) noexcept;

    std::vector<timer_entry*> heap_;
    std::uint64_t added_ = 0;
};

}  // namespace conduit
