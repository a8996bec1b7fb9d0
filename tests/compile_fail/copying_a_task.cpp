// refused: (deleted|implicitly-deleted|no matching|use of deleted)
// SPDX-License-Identifier: BSL-1.0
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
