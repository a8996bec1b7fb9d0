// SPDX-License-Identifier: BSL-1.0
//
// Awaiting what another library made. Such an awaitable resumes whoever awaits it from anywhere, at
// any time, on any thread; here it resumes a small bridge, which queues the task on its own
// scheduler. So the task's context, its fairness and its thread stay what they were.
//
//     int got = co_await other_library::receive();        // inside a conduit task

#pragma once

#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/outcome.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace conduit {

/// The part of a foreign wait that does not depend on what is awaited.
class foreign_wait : public operation, private wakeup {
public:
    const char* name() const noexcept override { return "foreign awaitable"; }

    /// A foreign awaitable cannot be asked to end, so it is waited for; and it has no value to
    /// yield without having run, so it is awaited also after a stop request.
    void cancel() noexcept override {}

    /// The bridge came to its end, on whichever thread.
    void bridge_ended() noexcept;

protected:
    foreign_wait() noexcept : operation(kind::unstoppable) {}
    ~foreign_wait();

    progress run_bridge(std::coroutine_handle<> bridge);

private:
    void deliver() noexcept override { complete(0); }

    loop* home_ = nullptr;
    std::shared_ptr<inbox> inbox_;
    bool starting_ = false;
    bool ended_at_once_ = false;
};

/// A coroutine that awaits one foreign awaitable with nothing of conduit's around it.
template <class T>
struct foreign_bridge {
    struct promise_type : outcome_slot<T> {
        static void* operator new(std::size_t bytes) { return frame_pool::of_thread().take(bytes); }
        static void operator delete(void* memory, std::size_t bytes) noexcept {
            frame_pool::of_thread().give_back(memory, bytes);
        }
        template <class Awaitable>
        promise_type(Awaitable&, foreign_wait& owner) noexcept : owner_(&owner) {}

        struct last {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                ended.promise().owner_->bridge_ended();
            }
            void await_resume() const noexcept {}
        };
        foreign_bridge get_return_object() noexcept {
            return foreign_bridge(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        last final_suspend() const noexcept { return {}; }
        void unhandled_exception() noexcept { this->fail(std::current_exception()); }

        foreign_wait* owner_;
    };

    explicit foreign_bridge(std::coroutine_handle<promise_type> made) noexcept : handle(made) {}

    std::coroutine_handle<promise_type> handle;
};

/// What awaiting an `Awaitable&&` yields, outside any conduit coroutine.
template <class Awaitable>
decltype(auto) foreign_awaiter(Awaitable&& from) {
    if constexpr (requires { std::forward<Awaitable>(from).operator co_await(); }) {
        return std::forward<Awaitable>(from).operator co_await();
    } else if constexpr (requires { operator co_await(std::forward<Awaitable>(from)); }) {
        return operator co_await(std::forward<Awaitable>(from));
    } else {
        return std::forward<Awaitable>(from);
    }
}

/// Waits for an `Awaitable` that is not conduit's own. Destroying the task that waits destroys the
/// bridge, as the awaitable must expect of any coroutine.
template <class Awaitable>
class foreign_operation final : public foreign_wait {
public:
    using value_type =
        std::remove_cvref_t<decltype(foreign_awaiter(std::declval<Awaitable>()).await_resume())>;

    explicit foreign_operation(Awaitable& awaitable) noexcept : awaitable_(&awaitable) {}
    ~foreign_operation() {
        if (bridge_) bridge_.destroy();
    }

    value_type await_resume() { return bridge_.promise().take(); }

private:
    using bridge = foreign_bridge<value_type>;

    static bridge cross(Awaitable& awaitable, foreign_wait&) {
        co_return co_await static_cast<Awaitable&&>(awaitable);
    }
    progress start() override {
        bridge_ = cross(*awaitable_, *this).handle;
        return run_bridge(bridge_);
    }

    Awaitable* awaitable_;
    std::coroutine_handle<typename bridge::promise_type> bridge_;
};

}  // namespace conduit
