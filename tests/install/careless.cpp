// SPDX-License-Identifier: BSL-1.0
//
// Awaits in a condition that declares nothing: conduit_check_awaits() must stop this build.

#include <conduit/runtime/task.hpp>

conduit::task<bool> ask();

conduit::task<int> careless() {
    if (co_await ask()) {  // tidy: allow(co_await) this is what the check is tried on
        co_return 1;
    }
    co_return 0;
}

int main() {}
