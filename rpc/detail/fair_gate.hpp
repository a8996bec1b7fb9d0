// SPDX-License-Identifier: BSL-1.0
//
// Lets the users of a server take turns when it has more to do than time. Calls begin as they come
// as long as that is quick; where those of one round of the loop take longer than a slice of time,
// the others wait here, and each user begins one after the other. So a user who asks for a thousand
// things delays another by one of them, not by a thousand. Where the queue stands (queue_guard.hpp)
// a user's newest call begins first, and those that have waited too long come by to be refused.
//
//     if (!gate.is_open(turns)) co_await gate.until_turn(turns, came);   // `turns` is the user's
//     ...                                                                // the call begins
//     gate.note_end(now);

#pragma once

#include <conduit/rpc/detail/queue_guard.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <algorithm>
#include <cstddef>

namespace conduit::rpc::detail {

struct in_gate;  // tag: a user of whom calls wait

/// The calls of one user that wait for their turn, the oldest in front.
class turn_queue : public list_hook<in_gate> {
public:
    bool empty() noexcept { return waiting_.empty(); }

private:
    friend class fair_gate;

    /// Where there is one.
    clock::time_point oldest_came() noexcept;

    intrusive_list<operation, in_queue> waiting_;
};

/// Of one scheduler. Turn queues must leave before it goes, or have nobody in them.
class fair_gate {
public:
    /// `slice`: for how long calls begin before others get their turn; zero: for ever. `guard` is
    /// told how long they wait, and must outlive the gate; null where nobody minds.
    explicit fair_gate(clock::duration slice, queue_guard* guard = nullptr);
    fair_gate(const fair_gate&) = delete;
    fair_gate& operator=(const fair_gate&) = delete;

    /// Whether a call may begin at once.
    bool is_open(turn_queue& turns) const noexcept {
        const clock::time_point now = loop::running().now;
        const clock::duration taken = std::max(last_end_, now) - std::max(slice_began_, now);
        return taken <= slice_ && turns.empty();
    }

    class turn_operation;
    /// Waits for the user's turn, of a call that has waited since `came`. Ends early when it is
    /// stopped.
    turn_operation until_turn(turn_queue& turns, clock::time_point came) noexcept;

    /// A call has ended: what the clock said then.
    void note_end(clock::time_point now) noexcept { last_end_ = now; }

private:
    bool expect(turn_queue& turns) noexcept;
    task<void> let_in();
    void begin_slice() noexcept;
    void note_oldest(clock::time_point now) noexcept;
    void let_out_old(clock::time_point now) noexcept;

    clock::duration slice_;
    queue_guard* guard_;
    clock::time_point slice_began_{};
    clock::time_point last_end_{};
    std::size_t let_in_ = 0;  // in this slice
    intrusive_list<turn_queue, in_gate> users_;
    bool letting_in_ = false;
    task_group tasks_;
};

class fair_gate::turn_operation final : public operation {
public:
    turn_operation(fair_gate& gate, turn_queue& turns, clock::time_point came) noexcept
        : gate_(&gate), turns_(&turns), came_(came) {}
    turn_operation(turn_operation&&) noexcept = default;

    const char* name() const noexcept override { return "rpc turn"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    void await_resume() const noexcept {}
    clock::time_point came() const noexcept { return came_; }

private:
    progress start() override {
        if (!gate_->expect(*turns_)) return progress::done;
        turns_->waiting_.push_back(*this);
        return progress::waiting;
    }

    fair_gate* gate_;
    turn_queue* turns_;
    clock::time_point came_;
};

inline clock::time_point turn_queue::oldest_came() noexcept {
    return static_cast<fair_gate::turn_operation&>(waiting_.front()).came();
}

inline fair_gate::turn_operation fair_gate::until_turn(turn_queue& turns,
                                                       clock::time_point came) noexcept {
    return turn_operation(*this, turns, came);
}

}  // namespace conduit::rpc::detail
