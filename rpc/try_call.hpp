// SPDX-License-Identifier: BSL-1.0
//
// A call whose failure is a value: for where it is daily business that the other side is not there.
// Elsewhere let the stub throw; see fault.hpp for what a failure says.
//
//     auto sum = co_await rpc::try_call(there.add(1, 2));          // result<double, rpc::fault>
//     if (!sum && sum.error().retry_safe()) ...
//
//     auto item = co_await rpc::try_call(primes.next());           // result<optional<...>, fault>
//     if (item && *item) use(**item);
//
//     auto soon = co_await rpc::try_call(within(50ms, there.add(1, 2)));

#pragma once

#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/result.hpp>

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

namespace conduit::rpc {

/// Awaits `Awaitable` and catches the fault it throws. It is awaited once, where it is written.
template <class Awaitable>
class [[nodiscard]] try_call_awaiter {
    using inner_awaiter = decltype(make_awaiter(std::declval<Awaitable>()));
    using value = awaited_value<Awaitable>;

public:
    using conduit_awaitable = void;
    using awaited_once = void;

    explicit try_call_awaiter(Awaitable&& awaitable)
        : awaitable_(std::forward<Awaitable>(awaitable)) {}
    try_call_awaiter(try_call_awaiter&& other) noexcept
        : awaitable_(std::forward<Awaitable>(other.awaitable_)) {}

    bool await_ready() {
        inner_.emplace(make_in_place(*this));
        return inner_->await_ready();
    }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting) {
        return inner_->await_suspend(awaiting);
    }
    result<value, fault> await_resume() {
        try {
            if constexpr (std::is_void_v<value>) {
                inner_->await_resume();
                return {};
            } else {
                return inner_->await_resume();
            }
        } catch (const fault& why) {
            return why;
        }
    }

private:
    // Lets optional::emplace build an awaiter that can be neither copied nor moved.
    class make_in_place {
    public:
        explicit make_in_place(try_call_awaiter& owner) noexcept : owner_(owner) {}
        operator inner_awaiter() const {
            return make_awaiter(std::forward<Awaitable>(owner_.awaitable_));
        }

    private:
        try_call_awaiter& owner_;
    };

    Awaitable awaitable_;
    std::optional<inner_awaiter> inner_;
};

/// Awaits a call, or the next item of a stream, and yields its result or the fault it threw.
/// Anything else that it throws, such as an error that its method lists, passes.
template <class Awaitable>
try_call_awaiter<Awaitable> try_call(Awaitable&& call) {
    return try_call_awaiter<Awaitable>(std::forward<Awaitable>(call));
}

}  // namespace conduit::rpc
