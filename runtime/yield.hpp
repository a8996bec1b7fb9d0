// SPDX-License-Identifier: BSL-1.0
//
// Lets other tasks run. Long computations call it now and then; code that awaits need not, since
// each task steps back by itself after 128 awaits.
//
//     co_await conduit::yield();

#pragma once

#include <conduit/runtime/loop.hpp>

#include <coroutine>

namespace conduit {

/// Goes to the end of the ready queue, by the place that the task has there. Yields nothing and
/// cannot be cancelled.
class yield_operation {
public:
    using conduit_awaitable = void;

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
        loop::running().step_back(awaiting.promise());
    }
    void await_resume() const noexcept {}
};

inline yield_operation yield() noexcept { return yield_operation(); }

}  // namespace conduit
