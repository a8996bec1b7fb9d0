// SPDX-License-Identifier: BSL-1.0
//
// What the runtime costs: awaiting, yielding, spawning, timers and posts, on each real backend that
// this kernel has. bench/raw/bare_task.cpp and bench/asio_bench.cpp do the same work in the same
// program: the floors and the peer. docs/guide/benchmarks.md says how the figures are read.
//
//     runtime_bench --benchmark_filter=task.await

#include <benchmark/benchmark.h>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/timer_queue.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <semaphore>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace {

using conduit::task;

constexpr int batch = 1024;

[[gnu::noinline]] task<int> leaf(int x) { co_return x; }

task<int> task_await(benchmark::State& state) {
    int sum = 0;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            const int got = co_await leaf(i);
            sum += got;
        }
    }
    co_return sum;
}

task<int> task_yield(benchmark::State& state) {
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) co_await conduit::yield();
    }
    co_return 0;
}

task<int> task_spawn(benchmark::State& state) {
    conduit::task_scope scope;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            scope.spawn(leaf(i));
            if (i % 64 == 63) co_await conduit::yield();
        }
    }
    co_await scope.join();
    co_return 0;
}

class silent_timer final : public conduit::timer_entry {
public:
    void fire() noexcept override {}
};

// Others are set as well, due before and after the one that comes and goes.
task<int> timer_set_cancel(benchmark::State& state) {
    conduit::timer_queue& timers = conduit::loop::running().timers;
    std::array<silent_timer, 64> others;
    const auto start = conduit::clock::now();
    for (std::size_t i = 0; i < others.size(); ++i) {
        timers.add(others[i], start + std::chrono::seconds(60 + i * 37 % 64));
    }
    silent_timer mine;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            timers.add(mine, conduit::clock::now() + std::chrono::seconds(90));
            benchmark::ClobberMemory();
            timers.remove(mine);
        }
    }
    for (silent_timer& other : others) timers.remove(other);
    co_return 0;
}

/// Runs a benchmark that is a task; the scheduler starts and ends outside of what is measured.
void run_task(benchmark::State& state, conduit::backend_kind backend,
              task<int> (*work)(benchmark::State&)) {
    conduit::scheduler sched(conduit::scheduler_options().backend(backend));
    benchmark::DoNotOptimize(sched.run(work(state)));
}

task<int> until_stopped(std::stop_token token) {
    auto sleep = conduit::sleep_until(conduit::clock::time_point::max());
    auto ended = co_await conduit::with_stop(token, std::move(sleep));
    co_return ended ? 0 : 1;
}

// The last function of each batch is waited for, so none are left over.
void post_cross_thread(benchmark::State& state, conduit::backend_kind backend) {
    conduit::scheduler sched(conduit::scheduler_options().backend(backend));
    std::stop_source stop;
    std::thread runs([&] { sched.run(until_stopped(stop.get_token())); });
    std::binary_semaphore done(0);
    while (!sched.post([&done] { done.release(); })) std::this_thread::yield();
    done.acquire();
    while (state.KeepRunningBatch(batch)) {
        for (int i = 1; i < batch; ++i) sched.post([] {});
        sched.post([&done] { done.release(); });
        done.acquire();
    }
    stop.request_stop();
    runs.join();
}

void add_benchmarks(conduit::backend_kind backend, const std::string& name) {
    const auto add_task = [&](const std::string& what, task<int> (*work)(benchmark::State&)) {
        benchmark::RegisterBenchmark((what + "/conduit_" + name).c_str(), run_task, backend, work);
    };
    add_task("task.await", task_await);
    add_task("task.yield", task_yield);
    add_task("task.spawn", task_spawn);
    add_task("timer.set_cancel", timer_set_cancel);
    benchmark::RegisterBenchmark(("post.cross_thread/conduit_" + name).c_str(), post_cross_thread,
                                 backend)
        ->MeasureProcessCPUTime();
}

void add_if_available(conduit::backend_kind backend, const std::string& name) {
    try {
        const conduit::scheduler probe(conduit::scheduler_options().backend(backend));
    } catch (const std::system_error&) {
        return;  // the table shows a dash
    }
    add_benchmarks(backend, name);
}

}  // namespace

int main(int argc, char** argv) {
    add_if_available(conduit::backend_kind::uring, "uring");
    add_if_available(conduit::backend_kind::epoll, "epoll");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
