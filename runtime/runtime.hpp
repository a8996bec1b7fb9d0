// SPDX-License-Identifier: BSL-1.0
//
// Several schedulers, one thread each, that share nothing. Work stays where it was spawned and
// moves only when asked (on.hpp, shared_queue.hpp, scheduler::post). For one thread use run.hpp.
//
//     conduit::runtime workers(4);
//     int n = workers.run(program(workers));              // on worker 0; blocks this thread
//     ...
//     auto part = co_await conduit::on(workers.worker(1), count(range));   // inside program()

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit {

/// Owns worker threads, each of which runs a scheduler until the runtime is destroyed.
///
/// The workers get no signals; the thread that made the runtime does. Destroying it stops all tasks
/// and waits for them, then joins; it must be destroyed from outside, and when nothing outside uses
/// its schedulers any more.
class runtime {
public:
    /// As many workers as the hardware runs threads.
    runtime();
    /// At least one worker. Throws what the first one failed with when not all could be started,
    /// such as std::system_error with std::errc::too_many_files_open; none is left then. Not for
    /// simulations, which have one thread (asserted).
    explicit runtime(std::size_t workers, const scheduler_options& options = {});
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    ~runtime();

    std::size_t size() const noexcept { return workers_.size(); }

    /// The scheduler of one worker, from 0.
    scheduler& worker(std::size_t index) noexcept;

    /// Runs a task on worker 0 and blocks this thread until it has ended; yields what it returned
    /// or throws what it threw. From any thread that runs no scheduler (asserted), also several at
    /// a time.
    template <class T>
    T run(task<T> program);

    /// The same, and asks the task to end when the process gets SIGINT or SIGTERM; see run.hpp.
    template <class T>
    T run_until_signal(task<T> program) {
        return run(stopped_by_signals(std::move(program)));
    }

private:
    class worker_thread;

    void stop() noexcept;

    std::vector<std::unique_ptr<worker_thread>> workers_;
};

template <class T>
T runtime::run(task<T> program) {
    CONDUIT_ASSERT(loop::current == nullptr, "runtime::run() would block the scheduler it is in");
    const auto sent = std::make_shared<errand<T>>(worker(0), std::move(program));
    if (!sent->depart(nullptr, clock::time_point::max())) {
        throw std::system_error(make_error_code(errc::cancelled));
    }
    sent->wait();
    return sent->take();
}

}  // namespace conduit
