// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/fair_gate.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/yield.hpp>

namespace conduit::rpc::detail {
namespace {

constexpr std::size_t let_in_max = 64;
constexpr std::size_t let_out_max = 256;  // in a slice; each is refused

}  // namespace

fair_gate::fair_gate(clock::duration slice, queue_guard* guard)
    : slice_(slice > clock::duration::zero() ? slice : clock::duration::max()),
      guard_(guard),
      tasks_(scheduler::current().guests().group_context()) {}

/// False where nobody could let it in.
bool fair_gate::expect(turn_queue& turns) noexcept {
    try {
        if (!letting_in_) tasks_.spawn(let_in(), "rpc turns");
    } catch (const std::bad_alloc&) {
        return false;
    }
    letting_in_ = true;
    if (!turns.is_linked()) users_.push_back(turns);
    return true;
}

/// Each time the loop has come round.
task<void> fair_gate::let_in() {
    while (!users_.empty()) {
        loop::running().budget = 0;  // who is new may be waiting in the kernel
        co_await yield();
        begin_slice();
    }
    letting_in_ = false;
}

void fair_gate::note_oldest(clock::time_point now) noexcept {
    clock::time_point oldest = now;
    for (turn_queue& each : users_) {
        if (!each.empty()) oldest = std::min(oldest, each.oldest_came());
    }
    guard_->note(now - oldest, now);
}

/// Those that are refused need no turn.
void fair_gate::let_out_old(clock::time_point now) noexcept {
    std::size_t left = let_out_max;
    const auto is_old = [&](turn_queue& of) {
        return !of.empty() && guard_->refuses(now - of.oldest_came(), now);
    };
    for (turn_queue& each : users_) {
        for (; left > 0 && is_old(each); --left) each.waiting_.front().complete(0);
    }
}

/// As many as lately fitted into a slice, and one of each user at least.
void fair_gate::begin_slice() noexcept {
    const clock::time_point now = clock::now();
    const clock::duration each = (now - slice_began_) / std::max<std::size_t>(let_in_, 1);
    const auto fit = static_cast<std::size_t>(slice_ / std::max(each, clock::duration(1)));
    std::size_t left = std::clamp<std::size_t>(fit, 1, let_in_max);
    slice_began_ = now;
    let_in_ = 0;
    if (guard_ != nullptr) note_oldest(now);
    const bool newest_first = guard_ != nullptr && guard_->stands(now);
    if (newest_first) let_out_old(now);
    std::size_t users = 0;
    for (turn_queue& each_user : users_) users += each_user.empty() ? 0 : 1;
    left = std::max(left, users);
    while (left > 0 && !users_.empty()) {
        turn_queue& next = users_.pop_front();
        if (next.empty()) continue;  // they were stopped
        (newest_first ? next.waiting_.back() : next.waiting_.front()).complete(0);
        if (!next.empty()) users_.push_back(next);
        ++let_in_;
        --left;
    }
}

}  // namespace conduit::rpc::detail
