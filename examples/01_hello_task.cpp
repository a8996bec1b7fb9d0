// SPDX-License-Identifier: BSL-1.0
//
// The first program: tasks that wait without holding up the thread, one after the other and side by
// side, with what they return and what they throw.

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/when_all.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// A task takes what it needs by value: it runs later, when what a reference meant may be gone.
task<std::string> greeting(std::string whom) {
    if (whom.empty()) throw std::invalid_argument("there is nobody to greet");
    co_await sleep_for(1ms);  // others run meanwhile
    co_return "hello, " + whom;
}

task<int> program() {
    // Nothing runs before it is awaited; then it is as if it had been called.
    const std::string first = co_await greeting("world");
    std::printf("%s\n", first.c_str());

    // Two at a time, on this one thread: they take as long as the longer one.
    auto [one, other] = co_await when_all(greeting("you"), greeting("you, too"));
    std::printf("%s; %s\n", one.c_str(), other.c_str());

    // What a task throws arrives where it is awaited.
    try {
        const std::string none = co_await greeting("");
        std::printf("%s\n", none.c_str());
    } catch (const std::invalid_argument& why) {
        std::printf("no greeting: %s\n", why.what());
    }
    co_return 0;
}

}  // namespace

int main() { return run(program()); }
