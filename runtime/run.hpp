// SPDX-License-Identifier: BSL-1.0
//
// From main() into the world of tasks and back: the simplest scheduler there is. For options, or to
// look inside, use scheduler.hpp; for several threads runtime.hpp.
//
//     conduit::task<int> program();
//     int main() { return conduit::run(program()); }

#pragma once

#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <source_location>
#include <utility>

namespace conduit {

/// Runs a task on this thread to its end; yields what it returned or throws what it threw. Signals
/// are left alone.
template <class T>
T run(task<T> program, std::source_location at = std::source_location::current()) {
    return scheduler().run(std::move(program), at);
}

}  // namespace conduit
