// SPDX-License-Identifier: BSL-1.0
//
// Schedulers under the hands of other threads: posts, stop requests, and ends at any moment.

#include "../support/co_test.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <system_error>
#include <thread>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t posts = 1'000'000;
constexpr int producers = 4;
constexpr int stop_races = 3'000;
constexpr int endings = 300;

scheduler_options on(backend_kind kernel) { return scheduler_options().backend(kernel); }

/// Counts on the scheduler's thread only.
struct counted {
    std::int64_t received = 0;
    std::int64_t expected = 0;
    event all;
};

task<> wait_for_all(counted& count, std::atomic<bool>& running) {
    running = true;
    co_await count.all.wait();
}

task<std::error_code> wait_long() { co_return co_await sleep_for(1h); }

task<> wait_under_token(std::stop_token token, std::atomic<bool>& begun) {
    begun = true;
    const std::error_code why = co_await with_stop(std::move(token), wait_long());
    REQUIRE(why == errc::cancelled);
}

task<> do_turns(int turns) {
    for (int i = 0; i < turns; ++i) co_await yield();
}

}  // namespace

TEST_CASE("a million posts from several threads all arrive", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    scheduler sched(on(kernel));
    counted count;
    count.expected = posts;
    std::atomic<bool> running{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < producers; ++i) {
        threads.emplace_back([&sched, &count, &running] {
            while (!running) std::this_thread::yield();
            for (std::int64_t n = 0; n < posts / producers; ++n) {
                const bool sent = sched.post([&count] {
                    if (++count.received == count.expected) count.all.set();
                });
                if (!sent) return;
            }
        });
    }
    sched.run(wait_for_all(count, running));
    for (std::thread& each : threads) each.join();
    REQUIRE(count.received == posts);
    REQUIRE(sched.counters().posts.value() == posts);
}

TEST_CASE("a stop request from another thread meets a task anywhere", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    scheduler sched(on(kernel));
    for (int i = 0; i < stop_races; ++i) {
        // On the heap, for g++ 12 warns of its constructor at -Og.
        const auto source = std::make_unique<std::stop_source>();
        std::atomic<bool> begun{false};
        std::thread stopper([&source, &begun, i] {
            while (i % 2 == 0 && !begun) std::this_thread::yield();
            source->request_stop();
        });
        sched.run(wait_under_token(source->get_token(), begun));
        stopper.join();
    }
}

TEST_CASE("one stop request reaches tasks on several schedulers", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    const auto source = std::make_unique<std::stop_source>();
    std::atomic<bool> begun[2] = {false, false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&source, kernel, &flag = begun[i]] {
            scheduler sched(on(kernel));
            flag = true;
            const std::error_code why =
                sched.run([](std::stop_token token) -> task<std::error_code> {
                    co_return co_await with_stop(std::move(token), wait_long());
                }(source->get_token()));
            if (why != errc::cancelled) std::abort();
        });
    }
    while (!begun[0] || !begun[1]) std::this_thread::yield();
    source->request_stop();
    for (std::thread& each : threads) each.join();
}

TEST_CASE("a scheduler may end while others post", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::atomic<std::int64_t> delivered{0};
    std::atomic<std::int64_t> accepted{0};
    for (int i = 0; i < endings; ++i) {
        scheduler sched(on(kernel));
        std::atomic<bool> running{false};
        std::thread poster([&] {
            while (!running) std::this_thread::yield();
            while (sched.post([&delivered] { ++delivered; })) ++accepted;
        });
        sched.run([](std::atomic<bool>& flag, int turns) -> task<> {
            flag = true;
            co_await do_turns(turns);
        }(running, i));
        poster.join();
        REQUIRE_FALSE(sched.post([] {}));
    }
    REQUIRE(delivered == accepted);
}

TEST_CASE("what is posted to a scheduler that never runs is dropped with it",
          "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    auto alive = std::make_shared<int>(0);
    {
        scheduler sched(on(kernel));
        REQUIRE(sched.post([alive] { ++*alive; }));
        REQUIRE(alive.use_count() == 2);
    }
    REQUIRE(alive.use_count() == 1);
    REQUIRE(*alive == 0);
}
