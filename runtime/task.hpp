// SPDX-License-Identifier: BSL-1.0
//
// A task is a procedure that may wait. Calling it makes it; awaiting it runs it, once, and yields
// what it returned or throws what it threw. It is lazy, so forgetting to await it does nothing and
// is a compiler warning. To run tasks side by side use task_scope.hpp or when_all.hpp; for a
// sequence of values use stream.hpp; to enter this world from main() use run.hpp.
//
//     conduit::task<int> sum(int a, int b) { co_return a + b; }
//     conduit::task<> report() {
//         int five = co_await sum(2, 3);
//         ...
//     }

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/foreign.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/outcome.hpp>

#include <coroutine>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace conduit {

/// A lazy coroutine that yields one T.
///
/// Owns its frame. Destroying a task destroys everything it stands in: operations are taken back,
/// locals are destroyed, nothing is resumed. Parameters live in the frame until then; a reference
/// parameter refers to something of the caller's, which must outlive the await. A lambda's captures
/// die with the lambda, so pass what a lambda coroutine needs as parameters.
template <class T = void>
class [[nodiscard]] task {
public:
    struct promise_type;
    using value_type = T;
    using conduit_awaitable = void;
    using awaited_once = void;

    task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    task& operator=(task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~task() {
        if (handle_) handle_.destroy();
    }

    /// False once it was moved from.
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        static_assert(std::is_base_of_v<frame, Promise>,
                      "a conduit task is awaited by a conduit task or stream");
        CONDUIT_ASSERT(handle_ && !handle_.done(), "a task is awaited once");
        handle_.promise().parent = &awaiting.promise();
        loop& l = loop::running();
        if (l.spend()) [[likely]]
            return handle_;
        return l.step_back(handle_.promise());
    }
    T await_resume() { return handle_.promise().take(); }

private:
    explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

template <class T>
struct task<T>::promise_type : promise_base, outcome_slot<T> {
    /// `at` is the coroutine itself: clang says where it begins, g++ 12 where it ends.
    task get_return_object(std::source_location at = std::source_location::current()) noexcept {
        this->where = at;
        return task(handle_of(*this));
    }
    resume_parent final_suspend() noexcept {
        loop::running().ended_at = this->where;
        return {};
    }
    void unhandled_exception() noexcept { this->fail(std::current_exception()); }
};

}  // namespace conduit
