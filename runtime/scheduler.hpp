// SPDX-License-Identifier: BSL-1.0
//
// One thread that runs tasks: a ready queue, timers, and a backend that waits for the kernel. Most
// programs write run.hpp and never name a scheduler; for several threads use runtime.hpp; inside an
// Asio program asio.hpp.
//
//     conduit::scheduler sched;
//     int answer = sched.run(compute());
//
//     conduit::scheduler simulated(
//         conduit::scheduler_options().backend(conduit::backend_kind::sim).seed(7));

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/counters.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace conduit {

class backend;
class thread_pool;

enum class backend_kind {
    automatic,  // CONDUIT_BACKEND if set, else the best that this kernel allows
    uring,
    epoll,
    sim,  // a simulated kernel in virtual time; see docs/guide/testing.md
};

/// How a scheduler is made. Each setter returns the options, to be chained.
class scheduler_options {
public:
    scheduler_options& backend(backend_kind kind) noexcept { return set(backend_, kind); }
    /// What a simulation draws its choices from; the same seed gives the same run.
    scheduler_options& seed(std::uint64_t seed) noexcept { return set(seed_, seed); }
    scheduler_options& log(log_sink sink) { return set(log_, std::move(sink)); }
    /// How many buffers are lent to receivers, of which io_uring uses up to 32768, and how many
    /// bytes each holds at least. For each 64 of them there is one 18 times as long, for sockets to
    /// which more comes at once.
    scheduler_options& lent_buffers(std::size_t count, std::size_t bytes) noexcept {
        lent_buffer_bytes_ = bytes;
        return set(lent_buffers_, count);
    }
    /// How many threads blocking() may start, at least one; the default is 4.
    scheduler_options& blocking_threads_max(std::size_t n) noexcept {
        return set(blocking_threads_max_, n);
    }
    /// Writes dump_tasks() to stderr whenever the process gets SIGQUIT.
    scheduler_options& dump_on_sigquit(bool wanted = true) noexcept {
        return set(dump_on_sigquit_, wanted);
    }

    /// How long tasks may keep the loop from turning before that is counted and logged, ten lines a
    /// second at most; 100 ms, and zero for never. A task that computes for so long, or calls what
    /// blocks, delays all others: see blocking.hpp and yield.hpp. A thread that the machine gave no
    /// time looks the same.
    scheduler_options& stall_limit(clock::duration limit) noexcept {
        return set(stall_limit_, limit);
    }

    backend_kind backend() const noexcept { return backend_; }
    std::uint64_t seed() const noexcept { return seed_; }
    const log_sink& log() const noexcept { return log_; }
    std::size_t lent_buffers() const noexcept { return lent_buffers_; }
    std::size_t lent_buffer_bytes() const noexcept { return lent_buffer_bytes_; }
    std::size_t blocking_threads_max() const noexcept { return blocking_threads_max_; }
    bool dump_on_sigquit() const noexcept { return dump_on_sigquit_; }
    clock::duration stall_limit() const noexcept { return stall_limit_; }

private:
    template <class T>
    scheduler_options& set(T& field, T value) {
        field = std::move(value);
        return *this;
    }

    backend_kind backend_ = backend_kind::automatic;
    std::uint64_t seed_ = 1;
    log_sink log_ = &log_to_stderr;
    std::size_t lent_buffers_ = 256;
    std::size_t lent_buffer_bytes_ = 4096;
    std::size_t blocking_threads_max_ = 4;
    bool dump_on_sigquit_ = false;
    clock::duration stall_limit_ = std::chrono::milliseconds(100);
};

/// Runs tasks on the thread that calls run(). It must outlive what is attached to it.
///
/// A program that has an event loop already lets that one run the scheduler instead: it watches
/// native_handle() and next_deadline() and calls run_ready(). Tasks get in through post(), which
/// may spawn them as guests(). Destroying the scheduler then ends it: the tasks are destroyed where
/// they are suspended. To end it gracefully ask the guests to stop and go on until none is left.
class scheduler {
public:
    /// Throws std::system_error that says why when the backend asked for cannot be had.
    explicit scheduler(const scheduler_options& options = {});
    /// Runs on a backend made by hand; for tests.
    scheduler(std::unique_ptr<conduit::backend> made, scheduler_options options);
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    /// The scheduler that runs on this thread; asserts that there is one.
    static scheduler& current() noexcept { return *loop::running().owner; }

    /// Runs a task to its end; yields what it returned or throws what it threw. Tasks that others
    /// sent here are then stopped and waited for. Signals are left alone. Throws std::runtime_error
    /// where a simulation shows that the task can never end.
    template <class T>
    T run(task<T> root, std::source_location at = std::source_location::current());

    /// Runs what is ready, about one turn's budget of it, and returns without waiting. True when
    /// more is ready: call it again, after others had their turn. Else once native_handle() is
    /// readable or next_deadline() has come. The first call makes the scheduler ready for work, so
    /// it is needed although nothing is readable yet. One thread at a time may call it, and it must
    /// not be called by a task (asserted).
    bool run_ready();

    /// For another event loop to watch, edge-triggered or not: becomes readable when run_ready()
    /// has something to do. Not to be read or closed; it lives as long as the scheduler. Throws
    /// std::system_error with std::errc::not_supported where the backend is not epoll.
    int native_handle() const;

    /// When run_ready() has a timer to fire; time_point::max() while none is set.
    clock::time_point next_deadline() const noexcept;

    /// Sends a function to be called on this scheduler's thread, between two tasks. From any
    /// thread. False when its run() has ended; before the first, the function is called in that. It
    /// must not throw.
    bool post(std::function<void()> work);

    /// Tasks that belong to the scheduler rather than to the task given to run(): stopped and
    /// waited for when run() ends. What one of them throws stops the others, so let none throw.
    /// Only on this scheduler's thread, while it runs.
    task_group& guests() noexcept;

    /// Whether it has guests: it runs, or ran last, on this thread and is not being destroyed.
    bool has_guests() const noexcept;

    /// The tree of suspended tasks: where each stands, what it waits for, since when. Called on
    /// this scheduler's thread.
    std::string dump_tasks() const;

    /// For layers that read the clock anyway: `what` has ended, at `now`. Where the turn is a stall
    /// by then, the log speaks of it.
    void note_end(std::string_view what, clock::time_point now) noexcept;

    /// "uring", "epoll" or "sim".
    std::string_view backend_name() const noexcept;
    const conduit::counters& counters() const noexcept;

    /// A hash of all that happened in a simulation so far; 0 on a real kernel.
    std::uint64_t event_hash() const noexcept;

    void log(log_level level, std::string_view line) const;
    const scheduler_options& options() const noexcept;

    /// How other threads reach this scheduler.
    const std::shared_ptr<conduit::inbox>& inbox() const noexcept;

private:
    friend class blocking_wait;
    class state;
    /// Makes this the scheduler of the thread, until it is destroyed.
    class running {
    public:
        explicit running(scheduler& owner);
        running(const running&) = delete;
        ~running();

    private:
        scheduler& owner_;
    };

    void begin();
    void drive(const job& root);
    void watch_sigquit();
    void turn();
    bool has_batch() noexcept;
    void resume(operation& next);
    void run_batches();
    void run_watched();
    void judge_turn(clock::time_point now) noexcept;
    clock::duration time_to_sleep() noexcept;
    void poll(clock::duration wait);
    void drain() noexcept;
    void end() noexcept;
    thread_pool* pool();  // null where the backend has no threads

    std::unique_ptr<state> state_;
};

template <class T>
T scheduler::run(task<T> root, std::source_location at) {
    const running here(*this);
    task_group group;
    child<T> main = group.spawn(std::move(root), "main", at);
    drive(main.as_job());
    return main.take();
}

}  // namespace conduit
