// SPDX-License-Identifier: BSL-1.0
//
// The smallest program that needs the library's object code as well as its headers.

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/timer.hpp>

#include <chrono>

namespace {

conduit::task<int> answer() {
    co_await conduit::sleep_for(std::chrono::milliseconds(1));
    co_return 42;
}

}  // namespace

int main() { return conduit::run(answer()) == 42 ? 0 : 1; }
