// SPDX-License-Identifier: BSL-1.0
//
// The peer: Asio's awaitables at the work of runtime_bench.cpp, as an Asio user would write it.

#include <benchmark/benchmark.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <semaphore>
#include <thread>
#include <vector>

namespace {

constexpr int batch = 1024;

[[gnu::noinline]] asio::awaitable<int> leaf(int x) { co_return x; }

asio::awaitable<void> await_leaves(benchmark::State& state) {
    int sum = 0;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            const int got = co_await leaf(i);
            sum += got;
        }
    }
    benchmark::DoNotOptimize(sum);
}

asio::awaitable<void> yield_often(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) co_await asio::post(executor, asio::use_awaitable);
    }
}

asio::awaitable<void> spawn_often(benchmark::State& state) {
    const auto executor = co_await asio::this_coro::executor;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            asio::co_spawn(executor, leaf(i), asio::detached);
            if (i % 64 == 63) co_await asio::post(executor, asio::use_awaitable);
        }
    }
}

void run(benchmark::State& state, asio::awaitable<void> (*work)(benchmark::State&)) {
    asio::io_context context(1);  // 1: no locking between threads is needed
    asio::co_spawn(context, work(state), asio::detached);
    context.run();
}
BENCHMARK_CAPTURE(run, await, await_leaves)->Name("task.await/asio");
BENCHMARK_CAPTURE(run, yield, yield_often)->Name("task.yield/asio");
BENCHMARK_CAPTURE(run, spawn, spawn_often)->Name("task.spawn/asio");

// A coroutine cannot cancel a timer that it awaits itself, so this one has a handler.
void timer_set_cancel(benchmark::State& state) {
    asio::io_context context(1);
    const auto ignore = [](const std::error_code&) {};
    const auto start = std::chrono::steady_clock::now();
    std::vector<asio::steady_timer> others;
    for (std::size_t i = 0; i < 64; ++i) {
        others.emplace_back(context, start + std::chrono::seconds(60 + i * 37 % 64));
        others.back().async_wait(ignore);
    }
    asio::steady_timer mine(context);
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            mine.expires_after(std::chrono::seconds(90));
            mine.async_wait(ignore);
            mine.cancel();
            if (i % 64 == 63) context.poll();
        }
    }
}
BENCHMARK(timer_set_cancel)->Name("timer.set_cancel/asio");

void post_cross_thread(benchmark::State& state) {
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread runs([&context] { context.run(); });
    std::binary_semaphore done(0);
    while (state.KeepRunningBatch(batch)) {
        for (int i = 1; i < batch; ++i) asio::post(context, [] {});
        asio::post(context, [&done] { done.release(); });
        done.acquire();
    }
    work.reset();
    runs.join();
}
BENCHMARK(post_cross_thread)->Name("post.cross_thread/asio")->MeasureProcessCPUTime();

}  // namespace
