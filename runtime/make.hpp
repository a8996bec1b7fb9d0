// SPDX-License-Identifier: BSL-1.0
//
// Builds an argument inside an awaited call. g++ 12 destroys a temporary of aggregate type twice
// when it stands in an expression with co_await (GCC PR 99576); what a function returns is safe.
//
//     co_await store.put(make<entry>("key", "value"));    // safe everywhere
//     co_await store.put(entry{"key", "value"});          // a double free with g++ 12

#pragma once

#include <utility>

namespace conduit {

/// Returns a T made from `arguments`, in braces where T is an aggregate.
template <class T, class... Arguments>
[[nodiscard]] T make(Arguments&&... arguments) {
    return T{std::forward<Arguments>(arguments)...};
}

}  // namespace conduit
