// SPDX-License-Identifier: BSL-1.0
//
// Lets other tasks run. Long computations call it now and then; code that awaits need not, since
// each task steps back by itself after 128 awaits.
//
//     co_await conduit::yield();

#pragma once

#include <conduit/runtime/operation.hpp>

#include <coroutine>

namespace conduit {

/// Goes to the end of the ready queue. Yields nothing and cannot be cancelled.
class yield_operation final : public operation {
public:
    yield_operation() noexcept : operation(kind::unstoppable) {}
    yield_operation(yield_operation&&) noexcept = default;

    const char* name() const noexcept override { return "its turn"; }
    void cancel() noexcept override {}

    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        loop& l = loop::running();
        resume_later(l, awaiting.promise(), *l.context);
    }
    void await_resume() const noexcept {}

private:
    progress start() override { return progress::done; }
};

inline yield_operation yield() noexcept { return yield_operation(); }

}  // namespace conduit
