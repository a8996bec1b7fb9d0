// SPDX-License-Identifier: BSL-1.0
//
// Makes a task of anything that can be awaited, where only a task will do: to spawn an operation,
// or to keep several of different kinds in one vector.
//
//     auto reading = scope.spawn(conduit::as_task(in.read_some(buffer)));
//     ...
//     auto got = co_await reading;

#pragma once

#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/task.hpp>

#include <type_traits>
#include <utility>
#include <variant>

namespace conduit {

/// What can be awaited in a task, whoever made it.
template <class A>
concept awaitable = conduit_awaitable<std::remove_cvref_t<A>> ||
                    requires(A&& a) { std::forward<A>(a).await_resume(); } ||
                    requires(A&& a) { std::forward<A>(a).operator co_await(); } ||
                    requires(A&& a) { operator co_await(std::forward<A>(a)); };

/// What co_await on an `Awaitable` yields, as a value.
template <class Awaitable>
using awaited_value =
    std::remove_cvref_t<decltype(make_awaiter(std::declval<Awaitable>()).await_resume())>;

/// A T that can be stored: std::monostate stands for void.
template <class T>
using storable = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Awaits what it owns or, for a reference type, what it refers to.
template <class Awaitable>
task<awaited_value<Awaitable>> await_owned(Awaitable owned) {
    co_return co_await std::forward<Awaitable>(owned);
}

/// A task that awaits `from` and yields what that yields. It owns a temporary or what was
/// moved into it; an lvalue must outlive it. A task is passed through as it is.
template <awaitable Awaitable>
task<awaited_value<Awaitable>> as_task(Awaitable&& from) {
    if constexpr (std::is_same_v<Awaitable, task<awaited_value<Awaitable>>>) {
        return std::forward<Awaitable>(from);
    } else {
        return await_owned<Awaitable>(std::forward<Awaitable>(from));
    }
}

}  // namespace conduit
