// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/outgoing_table.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {

std::uint32_t outgoing_table::add(outgoing_call& call) {
    std::uint32_t number = first_free_;
    if (number == none) {
        number = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        first_free_ = entries_[number].next_free;
    }
    entries_[number].call = &call;
    entries_[number].taken = true;
    ++taken_;
    return number;
}

outgoing_call* outgoing_table::find(std::uint32_t number) const noexcept {
    return number < entries_.size() ? entries_[number].call : nullptr;
}

bool outgoing_table::has(std::uint32_t number) const noexcept {
    return number < entries_.size() && entries_[number].taken;
}

void outgoing_table::abandon(std::uint32_t number, clock::time_point now) noexcept {
    entries_[number].call = nullptr;
    entries_[number].abandoned_at = now;
    ++abandoned_;
}

void outgoing_table::release(std::uint32_t number) noexcept {
    if (!has(number)) return;  // the connection has gone meanwhile
    entry& freed = entries_[number];
    if (freed.call == nullptr) --abandoned_;
    freed = entry();
    freed.next_free = std::exchange(first_free_, number);
    --taken_;
}

clock::time_point outgoing_table::oldest_abandoned() const noexcept {
    auto oldest = clock::time_point::max();
    for (const entry& each : entries_) oldest = std::min(oldest, each.abandoned_at);
    return oldest;
}

outgoing_call* outgoing_table::take_any() noexcept {
    while (!entries_.empty()) {
        outgoing_call* last = entries_.back().call;
        entries_.pop_back();
        if (last != nullptr) return last;
    }
    first_free_ = none;
    taken_ = abandoned_ = 0;
    return nullptr;
}

}  // namespace conduit::rpc::detail
