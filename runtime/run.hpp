// SPDX-License-Identifier: BSL-1.0
//
// From main() into the world of tasks and back: the simplest scheduler there is. For options, or to
// look inside, use scheduler.hpp; for several threads runtime.hpp.
//
//     conduit::task<int> program();
//     int main() { return conduit::run(program()); }
//
//     conduit::task<int> server();                        // ends when it is asked to stop
//     int main() { return conduit::run_until_signal(server()); }

#pragma once

#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/signal_set.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <source_location>
#include <utility>

namespace conduit {

/// Runs a task on this thread to its end; yields what it returned or throws what it threw. Signals
/// are left alone.
template <class T>
T run(task<T> program, std::source_location at = std::source_location::current()) {
    return scheduler().run(std::move(program), at);
}

/// SIGINT and SIGTERM; throws std::system_error when they are watched already.
signal_set watch_termination();

/// Asks `program` to end when one of `signals` comes.
task<> stop_on_signal(task_group& program, signal_set signals);

/// Asks a group to end when a block ends.
class stop_at_end {
public:
    explicit stop_at_end(task_group& group) noexcept : group_(group) {}
    stop_at_end(const stop_at_end&) = delete;
    ~stop_at_end() { group_.request_stop(); }

private:
    task_group& group_;
};

template <class T>
task<T> stop_others_after(task<T> program, task_group& group) {
    task<T> own = std::move(program);
    const stop_at_end others(group);
    co_return co_await std::move(own);
}

template <class T>
task<T> stopped_by_signals(task<T> program) {
    task<T> own = std::move(program);
    signal_set signals = watch_termination();
    task_scope scope;
    child<T> main = scope.spawn(stop_others_after(std::move(own), scope), "program");
    scope.spawn(stop_on_signal(scope, std::move(signals)), "signals");
    co_await scope.join();
    co_return main.take();
}

/// As run(), and asks the task to end when the process gets SIGINT or SIGTERM; yields what the task
/// then returns. After the first of them both do again what they did before, so that a task that
/// does not end can be killed by another. Throws std::system_error with
/// std::errc::device_or_resource_busy when the signals are watched already.
template <class T>
T run_until_signal(task<T> program, std::source_location at = std::source_location::current()) {
    return scheduler().run(stopped_by_signals(std::move(program)), at);
}

}  // namespace conduit
