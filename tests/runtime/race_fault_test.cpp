// SPDX-License-Identifier: BSL-1.0
//
// A million races between what ends a wait and what it waits for: a stop request from another
// thread at any point, and a cancellation beside the arrival of data.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <stop_token>
#include <system_error>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

// --- X11 ----------------------------------------------------------------------------------------

constexpr std::size_t races_at_once = 500;

/// Stop sources that another thread fires in order while tasks begin, wait and end under them.
struct stop_races {
    std::vector<std::stop_source> sources{races_at_once};
    std::atomic<int> round{0};     // which the other thread may fire
    std::atomic<int> answered{0};  // and which it has fired
    std::atomic<bool> finished{false};
};

void fire_all(stop_races& races) {
    for (int round = 1;; ++round) {
        while (races.round < round) {
            if (races.finished) return;
            std::this_thread::yield();
        }
        for (std::stop_source& source : races.sources) source.request_stop();
        races.answered = round;
    }
}

struct race_outcomes {
    std::uint64_t stopped = 0;
    std::uint64_t completed = 0;
};

/// What a stop may meet, by turns: a sleep, an event that is set meanwhile, a task that hardly
/// waits, a read whose byte is on its way.
task<std::error_code> wait_for_something(std::size_t which, event& happens) {
    switch (which % 3) {
        case 0: co_return co_await sleep_for(1h);
        case 1: co_return co_await happens.wait();
        default: co_return co_await sleep_for(0s);
    }
}

task<> race(std::stop_token token, std::size_t which, event& happens, race_outcomes& seen) {
    const std::error_code why =
        co_await with_stop(std::move(token), wait_for_something(which, happens));
    if (why) REQUIRE(why == errc::cancelled);
    ++(why ? seen.stopped : seen.completed);
}

task<> hold_races(stop_races& races, int rounds, race_outcomes& seen) {
    for (int round = 1; round <= rounds; ++round) {
        for (std::stop_source& source : races.sources) source = std::stop_source();
        event happens;
        task_group group;
        const std::size_t head_start = static_cast<std::size_t>(round) * 37 % races_at_once;
        for (std::size_t i = 0; i < races_at_once; ++i) {
            if (i == head_start) races.round = round;
            group.spawn(race(races.sources[i].get_token(), i, happens, seen));
            if (i % 64 == 0) co_await yield();
            if (i == races_at_once / 2) happens.set();
        }
        co_await group.join();
        while (races.answered < round) std::this_thread::yield();
    }
}

void race_stops(backend_kind kernel, int rounds) {
    stop_races races;
    race_outcomes seen;
    scheduler sched(scheduler_options().backend(kernel));
    const std::int64_t frames = frame_pool::of_thread().live();
    std::thread stopper([&races] { fire_all(races); });
    sched.run(hold_races(races, rounds, seen));
    races.finished = true;
    stopper.join();
    REQUIRE(seen.stopped + seen.completed == static_cast<std::uint64_t>(rounds) * races_at_once);
    REQUIRE(seen.stopped > seen.completed / 4);
    REQUIRE(seen.completed > 0);
    REQUIRE(sched.counters().tasks_live.value() == 0);
    REQUIRE(frame_pool::of_thread().live() == frames);
    ran();
}

// --- cancellations and data ---------------------------------------------------------------------

constexpr int lanes = 50;
constexpr int rounds_of_lane = 20'000;
static_assert(lanes * rounds_of_lane == 1'000'000);

/// What became of all rounds.
struct deliveries {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t rounds = 0;
};

/// Each read gets its bytes, or is cancelled and gets none.
task<std::size_t> read_what_came(io_handle& in) {
    std::array<std::byte, 64> buffer{};
    auto got = co_await in.read_some(buffer);
    if (!got) REQUIRE(got.error() == errc::cancelled);
    co_return got.value_or(0);
}

task<> write_one(io_handle& out, deliveries& all) {
    auto sent = co_await out.write_some(bytes_of("x"));
    all.sent += sent.value();
}

task<> pause(std::uint_fast32_t turns) {
    for (std::uint_fast32_t i = 0; i < turns; ++i) co_await yield();
}

/// One read, one stop request, and up to one byte, in an order drawn by lot.
task<> cancel_and_send(handle_pair& pair, std::mt19937& random, deliveries& all) {
    const std::uint_fast32_t order = random();
    task_group group;
    if (order % 16 == 0) co_await write_one(pair.out, all);
    auto reading = group.spawn(read_what_came(pair.in));
    co_await pause(order / 16 % 3);
    if (order / 64 % 2 == 0) {
        co_await write_one(pair.out, all);
        co_await pause(order / 128 % 3);
        reading.request_stop();
    } else {
        reading.request_stop();
        co_await pause(order / 128 % 3);
        co_await write_one(pair.out, all);
    }
    const std::size_t bytes = co_await reading;
    all.received += bytes;
    all.cancelled += bytes == 0 ? 1 : 0;
    ++all.rounds;
}

task<> run_lane(int which, deliveries& all) {
    std::mt19937 random(static_cast<unsigned>(which));
    handle_pair pair = which % 2 == 0 ? attached_pipe() : attached_socket_pair();
    for (int i = 0; i < rounds_of_lane; ++i) co_await cancel_and_send(pair, random, all);
    const std::size_t rest = co_await drain(pair.in);
    all.received += rest;
}

task<> run_lanes() {
    deliveries all;
    task_group group;
    for (int i = 0; i < lanes; ++i) group.spawn(run_lane(i, all));
    co_await group.join();
    REQUIRE(all.rounds == 1'000'000);
    REQUIRE(all.received == all.sent);
    REQUIRE(all.cancelled > all.rounds / 20);
    REQUIRE(all.cancelled < all.rounds - all.rounds / 20);
    const counters& seen = scheduler::current().counters();
    REQUIRE(seen.waits.value() == seen.completions.value());
}

}  // namespace

TEST_CASE("X11: a stop from another thread may come at any point",
          "[runtime][fault][X11][threads]") {
    const backend_kind kernel = GENERATE(from_range(kernel_backends()));
    race_stops(kernel, 20);
}

TEST_CASE("X11: a million stops from another thread each meet a wait once",
          "[runtime][fault][X11][stress]") {
    const auto& kernels = kernel_backends();
    const backend_kind kernel = GENERATE_REF(from_range(kernels));
    race_stops(kernel, static_cast<int>(1'000'000 / races_at_once / kernels.size()));
}

TEST_CASE("X2: a million reads meet a cancellation and their data in any order",
          "[runtime][fault][X2][stress]") {
    run_on_each_kernel(run_lanes);
}
