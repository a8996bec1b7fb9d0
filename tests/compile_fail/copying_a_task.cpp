// SPDX-License-Identifier: BSL-1.0
// refused: (deleted|implicitly-deleted|no matching|use of deleted)
#include <conduit/runtime/task.hpp>

#include <utility>

conduit::task<int> number();

conduit::task<int> copy() {
    auto kept = number();
#ifdef FIXED
    auto other = std::move(kept);
#else
    auto other = kept;
#endif
    const int first = co_await std::move(other);
    co_return first;
}
