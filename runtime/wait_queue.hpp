// SPDX-License-Identifier: BSL-1.0
//
// Who waits for one thing, first come, first served, on one scheduler: what event.hpp, mutex.hpp
// and semaphore.hpp are made of. To hand over values use queue.hpp.
//
//     conduit::wait_queue waiting;
//     waiting.add(op);                                    // in op.start(), which then says waiting
//     if (!waiting.empty()) waiting.complete_front(0);    // its task runs later, not from here

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>

#include <cstdint>

namespace conduit {

/// What belongs to one scheduler: the one of its first use. It may be made anywhere.
class on_one_scheduler {
public:
    /// Every use of the owner begins with this; from another scheduler it asserts.
    void use() noexcept {
        loop& here = loop::running();
        if (home_ == nullptr) home_ = &here;
        CONDUIT_ASSERT(home_ == &here,
                       "an event, mutex, semaphore or queue is used on one scheduler only");
    }

private:
    loop* home_ = nullptr;
};

/// The operations that wait for what its owner hands out.
///
/// It owns none of them: one that is cancelled or destroyed leaves by itself. Its owner asserts
/// that it is empty before it goes.
class wait_queue : public on_one_scheduler {
public:
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;

    bool empty() const noexcept { return waiting_.empty(); }
    operation& front() noexcept { return waiting_.front(); }

    void add(operation& last) noexcept { waiting_.push_back(last); }

    /// Ends the wait of the first one.
    void complete_front(std::int32_t outcome) noexcept { waiting_.front().complete(outcome); }

private:
    intrusive_list<operation, in_queue> waiting_;
};

}  // namespace conduit
