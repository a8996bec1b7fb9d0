// SPDX-License-Identifier: BSL-1.0
// refused: a task is awaited once: co_await std::move
#include <conduit/runtime/task.hpp>

#include <utility>

conduit::task<int> number();

conduit::task<int> twice() {
    auto kept = number();
#ifdef FIXED
    const int first = co_await std::move(kept);
#else
    const int first = co_await kept;
#endif
    co_return first;
}
