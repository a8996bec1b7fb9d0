// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/timer_queue.hpp>

#include <algorithm>
#include <utility>

namespace conduit {
namespace {
constexpr std::size_t children_max = 4;
}

void timer_queue::add(timer_entry& entry, clock::time_point due) {
    CONDUIT_ASSERT(!entry.is_set(), "a timer is set once at a time");
    heap_.push_back(&entry);
    entry.due_ = due;
    entry.order_ = added_++;
    entry.place_ = static_cast<std::uint32_t>(heap_.size() - 1);
    sift_up(heap_.size() - 1);
}

void timer_queue::remove(timer_entry& entry) noexcept {
    if (!entry.is_set()) return;
    const std::size_t place = std::exchange(entry.place_, timer_entry::nowhere);
    timer_entry* last = heap_.back();
    heap_.pop_back();
    if (last == &entry) return;
    put(place, *last);
    sift_up(place);
    sift_down(last->place_);
}

timer_entry& timer_queue::pop() noexcept {
    timer_entry& soonest = *heap_.front();
    remove(soonest);
    return soonest;
}

void timer_queue::put(std::size_t place, timer_entry& entry) noexcept {
    heap_[place] = &entry;
    entry.place_ = static_cast<std::uint32_t>(place);
}

void timer_queue::sift_up(std::size_t place) noexcept {
    timer_entry* entry = heap_[place];
    while (place > 0) {
        const std::size_t parent = (place - 1) / children_max;
        if (!before(*entry, *heap_[parent])) break;
        put(place, *heap_[parent]);
        place = parent;
    }
    put(place, *entry);
}

void timer_queue::sift_down(std::size_t place) noexcept {
    timer_entry* entry = heap_[place];
    for (;;) {
        const std::size_t first = place * children_max + 1;
        if (first >= heap_.size()) break;
        const std::size_t end = std::min(first + children_max, heap_.size());
        std::size_t soonest = first;
        for (std::size_t child = first + 1; child < end; ++child) {
            if (before(*heap_[child], *heap_[soonest])) soonest = child;
        }
        if (!before(*heap_[soonest], *entry)) break;
        put(place, *heap_[soonest]);
        place = soonest;
    }
    put(place, *entry);
}

}  // namespace conduit
