// SPDX-License-Identifier: BSL-1.0
//
// What all coroutines of conduit share: memory from the pool, the chain of who awaits whom, and the
// place in the source where each stands. Users write task.hpp and stream.hpp.

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/frame_pool.hpp>

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <type_traits>
#include <utility>

namespace conduit {

/// The part of a promise that is the same for all, and its beginning: one link of a logical stack.
struct frame {
    /// The coroutine. Its address follows from that of its promise, so none is kept: that saves a
    /// store in every task, and a load whenever one resumes another. See handle_of().
    std::coroutine_handle<> self() noexcept {
        return std::coroutine_handle<frame>::from_promise(*this);
    }

    frame* parent = nullptr;     // who awaits this coroutine and goes on after it
    std::source_location where;  // of the await it stands at; before the first, of itself or its
                                 // spawn()
    clock::time_point since{};   // when that await began to wait
};

/// The coroutine of a whole promise; makes sure that frame::self() finds the same one.
template <class Promise>
std::coroutine_handle<Promise> handle_of(Promise& promise) noexcept {
    static_assert(alignof(Promise) <= alignof(std::max_align_t),
                  "a task yields nothing that needs more than the usual alignment");
    const auto handle = std::coroutine_handle<Promise>::from_promise(promise);
    CONDUIT_ASSERT(handle == promise.self(), "a promise begins with its frame");
    return handle;
}

template <class Awaitable>
class foreign_operation;

/// An awaitable of conduit's own; anything else is wrapped so that the context survives it.
template <class A>
concept conduit_awaitable = requires { typename A::conduit_awaitable; };

/// Awaits an object that stays where it is. Returned by value, since g++ 12 moves or copies what a
/// reference from await_transform names (seen on 12.2).
template <class Awaitable>
class awaiter_by_pointer {
public:
    explicit awaiter_by_pointer(Awaitable& target) noexcept : target_(&target) {}

    bool await_ready() { return target_->await_ready(); }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting) {
        return target_->await_suspend(awaiting);
    }
    decltype(auto) await_resume() { return target_->await_resume(); }

private:
    Awaitable* target_;
};

/// What co_await on an `Awaitable` really awaits. Tasks may be awaited once, hence as rvalues.
template <class Awaitable>
auto make_awaiter(Awaitable&& awaitable) {
    using type = std::remove_cvref_t<Awaitable>;
    if constexpr (requires { typename type::awaited_once; }) {
        static_assert(!std::is_lvalue_reference_v<Awaitable>,
                      "a task is awaited once: co_await std::move(task)");
    }
    if constexpr (!conduit_awaitable<type>) {
        return foreign_operation<std::remove_reference_t<Awaitable>>(awaitable);
    } else if constexpr (requires { awaitable.operator co_await(); }) {
        return awaitable.operator co_await();
    } else {
        return awaiter_by_pointer<std::remove_reference_t<Awaitable>>(awaitable);
    }
}

/// The base of every promise of conduit.
struct promise_base : frame {
    static void* operator new(std::size_t bytes) { return frame_pool::of_thread().take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        frame_pool::of_thread().give_back(memory, bytes);
    }

    std::suspend_always initial_suspend() noexcept { return {}; }

    template <class Awaitable>
    auto await_transform(Awaitable&& awaitable,
                         std::source_location at = std::source_location::current()) {
        where = at;
        return make_awaiter(std::forward<Awaitable>(awaitable));
    }

protected:
    promise_base() noexcept = default;
    ~promise_base() = default;
};

/// Goes on with the coroutine that awaits the one that has reached this point.
struct resume_parent {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
        return ended.promise().parent->self();
    }
    void await_resume() const noexcept {}
};

}  // namespace conduit
