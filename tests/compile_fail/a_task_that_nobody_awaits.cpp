// SPDX-License-Identifier: BSL-1.0
// refused: nodiscard
#include <conduit/runtime/task.hpp>

conduit::task<> work();

conduit::task<> forgetful() {
#ifdef FIXED
    co_await work();
#else
    work();
    co_return;
#endif
}
