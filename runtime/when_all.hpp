// SPDX-License-Identifier: BSL-1.0
//
// Runs a fixed set of things side by side and waits for all of them. For the first of several use
// when_any.hpp; for tasks whose number shows as the program goes on use task_scope.hpp.
//
//     auto [user, orders] = co_await conduit::when_all(load_user(id), load_orders(id));
//     co_await conduit::when_all(out.write_some(bytes), sleep_for(1s));
//     std::vector<conduit::task<page>> fetches = ...;
//     std::vector<page> pages = co_await conduit::when_all(std::move(fetches));

#pragma once

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit {

template <class T>
storable<T> take_storable(child<T>& done) {
    if constexpr (std::is_void_v<T>) {
        done.take();
        return {};
    } else {
        return done.take();
    }
}

template <class... T>
std::tuple<storable<T>...> take_each(std::tuple<child<T>...>& done) {
    return std::apply(
        [](auto&... each) { return std::tuple<storable<T>...>{take_storable(each)...}; }, done);
}

template <class... T>
task<std::tuple<storable<T>...>> gather(task<T>... works) {
    task_scope scope;
    std::tuple<child<T>...> children{scope.spawn(std::move(works))...};
    co_await scope.join();
    co_return take_each(children);
}

/// Awaits all of `awaitables` side by side (tasks, operations, within() and the like) and yields a
/// std::tuple of what they yielded, with std::monostate for nothing.
///
/// The first exception asks the others to end, waits for them and is rethrown; an error value is a
/// value. Temporaries are owned by the task; lvalues must outlive it. A stop request reaches all.
template <awaitable... Awaitables>
auto when_all(Awaitables&&... awaitables) {
    return gather(as_task(std::forward<Awaitables>(awaitables))...);
}

/// Runs all of `works` side by side and yields what they returned, in their order. Exceptions and
/// stop requests as above.
template <class T>
    requires(!std::is_void_v<T>)
task<std::vector<T>> when_all(std::vector<task<T>> works) {
    task_scope scope;
    std::vector<child<T>> children;
    children.reserve(works.size());
    for (task<T>& each : works) children.push_back(scope.spawn(std::move(each)));
    co_await scope.join();
    std::vector<T> values;
    values.reserve(children.size());
    for (child<T>& each : children) values.push_back(each.take());
    co_return std::move(values);
}

/// The same for tasks that return nothing.
inline task<> when_all(std::vector<task<>> works) {
    task_scope scope;
    for (task<>& each : works) scope.spawn(std::move(each));
    co_await scope.join();
}

}  // namespace conduit
