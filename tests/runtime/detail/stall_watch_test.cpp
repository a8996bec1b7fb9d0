// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/detail/stall_watch.hpp>

#include "../../support/co_test.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <source_location>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr clock::duration limit = 20ms;

bool has(const std::string& line, std::string_view words) {
    return line.find(words) != std::string::npos;
}

bool any_has(const std::vector<std::string>& lines, std::string_view words) {
    return std::ranges::any_of(lines, [words](const auto& line) { return has(line, words); });
}

/// Whether a line says that the loop was kept for the limit at least, and then that. Not how long:
/// on a real kernel the process may have been off the CPU as well.
bool any_tells_of(const std::vector<std::string>& lines, std::string_view words) {
    constexpr std::string_view before = "kept the loop from turning for ";
    return std::ranges::any_of(lines, [&](const std::string& line) {
        const std::size_t at = line.find(before);
        if (at == line.npos || !has(line, words)) return false;
        std::istringstream in(line.substr(at + before.size()));
        double count = 0;
        std::string unit;
        in >> count >> unit;
        return unit == "s:" ? count >= 1 : unit == "ms:" && count >= limit / 1ms;
    });
}

/// What a task must not do; in a simulation it takes that long exactly.
void spin() {
    const clock::time_point until = clock::now() + limit + 1ms;
    if (auto* simulated = dynamic_cast<sim_kernel*>(&current_kernel())) {
        simulated->advance_to(until);
    }
    while (clock::now() < until) {
    }
}

task<> spin_after_sleeping() {
    const std::error_code ended = co_await sleep_for(1ms);
    if (!ended) spin();
}

task<> spin_at_once() {
    spin();
    co_return;
}

task<> yield_once() { co_await yield(); }

task<> wait_for(event& go) { co_await go.wait(); }

task<> spin_then_wait(event& go) {
    spin();
    co_await go.wait();
}

task<> spin_beside_others() {
    event go;
    task_scope scope;
    scope.spawn(wait_for(go), "waits");
    scope.spawn(spin_then_wait(go), "blocks");
    scope.spawn(wait_for(go), "waits");
    const std::error_code ended = co_await sleep_for(1ms);
    if (!ended) go.set();
    co_await scope.join();
}

/// All of one scheduler's log, and its counter.
struct noted {
    std::vector<std::string> lines;
    std::uint64_t stalls = 0;
};

noted run_noting(backend_kind kernel, clock::duration stall_limit, task<> program) {
    noted all;
    auto sink = [&all](log_level, std::string_view line) { all.lines.emplace_back(line); };
    scheduler sched(scheduler_options().backend(kernel).stall_limit(stall_limit).log(sink));
    sched.run(std::move(program));
    all.stalls = sched.counters().stalls.value();
    return all;
}

/// Runs `body` twice, as a task of that name, in two turns.
task<> each_time(task<> (*body)(), const char* name) {
    for (int i = 0; i < 2; ++i) {
        task_scope scope;
        scope.spawn(body(), name);
        co_await scope.join();
        co_await sleep_for(1ms);
    }
}

/// The first stall is of one among several; of the second there is no doubt.
task<> twice() {
    co_await spin_beside_others();
    co_await spin_beside_others();
}

}  // namespace

TEST_CASE("a turn is a stall from the limit on, and none is where the limit is zero",
          "[runtime][stall]") {
    stall_watch watch(20ms);
    stall_watch off(0ms);
    const clock::time_point begin{};
    watch.turn_began(begin, 0);
    off.turn_began(begin, 0);
    REQUIRE_FALSE(watch.is_stall(begin + 20ms - 1ns));
    REQUIRE(watch.is_stall(begin + 20ms));
    REQUIRE_FALSE(off.is_stall(begin + 24h));
    watch.turn_began(begin + 20ms, 1);
    REQUIRE_FALSE(watch.is_stall(begin + 30ms));
}

CO_TEST_CASE("ten lines a second are logged, and how many were left out", "[runtime][stall]") {
    stall_watch watch(20ms);
    loop& here = loop::running();
    clock::time_point now = clock::time_point(1h);
    std::size_t lines = 0;
    for (int i = 0; i < 13; ++i) {
        watch.turn_began(now, 0);
        now += 20ms;
        if (!watch.report(now, 1, here).empty()) ++lines;
    }
    now += 1s;
    watch.turn_began(now, 0);
    const std::string next = watch.report(now + 20ms, 1, here);
    REQUIRE(lines == stall_watch::lines_per_second);
    REQUIRE(has(next, "(and 3 lines that were left out before)"));
    co_return;
}

CO_TEST_CASE("the clock is asked after each task for a while after a stall", "[runtime][stall]") {
    stall_watch watch(20ms);
    const clock::time_point now = clock::time_point(1h);
    watch.turn_began(now, 0);
    const bool before = watch.watches_each(now + 20ms);
    const std::string line = watch.report(now + 20ms, 1, loop::running());
    REQUIRE_FALSE(line.empty());
    REQUIRE_FALSE(before);
    REQUIRE(watch.watches_each(now + 20ms));
    REQUIRE_FALSE(watch.watches_each(now + 20ms + stall_watch::watches_for));
    co_return;
}

CO_TEST_CASE("the first that ends when a turn is a stall is the likely cause", "[runtime][stall]") {
    stall_watch watch(20ms);
    const clock::time_point now = clock::time_point(1h);
    watch.turn_began(now, 0);
    const auto elsewhere = std::source_location::current();
    const auto here = std::source_location::current();
    watch.note_end("too early", elsewhere, now + 19ms);
    watch.note_end("blocks", here, now + 21ms);
    watch.note_end("too late", elsewhere, now + 22ms);
    const std::string several = watch.report(now + 22ms, 3, loop::running());
    const std::string alone = watch.report(now + 22ms, 1, loop::running());
    const std::string place = "stall_watch_test.cpp:" + std::to_string(here.line()) + ")";
    CAPTURE(several, alone);
    REQUIRE(has(several, "for 22.0 ms: [blocks] up to its end, most likely, from "));
    REQUIRE(has(several, place));
    REQUIRE(has(alone, "[blocks] up to its end"));
    REQUIRE(has(alone, place));
    co_return;
}

TEST_CASE("a task that blocks its loop is reported with its name and place", "[runtime][stall]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    const noted waited = run_noting(kernel, limit, each_time(spin_after_sleeping, "sleeper"));
    const noted fresh = run_noting(kernel, limit, each_time(spin_at_once, "beginner"));
    const noted unnoted = run_noting(kernel, 0ms, each_time(spin_at_once, "beginner"));
    CAPTURE(waited.lines, fresh.lines);
    REQUIRE(waited.stalls >= 2);
    REQUIRE(any_tells_of(waited.lines, ": [sleeper] from spin_after_sleeping (stall_watch_test"));
    REQUIRE(fresh.stalls >= 2);
    REQUIRE(any_tells_of(fresh.lines, ": [beginner] from its beginning, spawned in each_time ("));
    REQUIRE(unnoted.stalls == 0);
    REQUIRE_FALSE(any_has(unnoted.lines, "kept the loop"));
}

TEST_CASE("a task that blocks its loop is one of several first, then named alone",
          "[runtime][stall][sim]") {
    constexpr backend_kind sim = backend_kind::sim;
    const noted waited = run_noting(sim, limit, each_time(spin_after_sleeping, "sleeper"));
    const noted fresh = run_noting(sim, limit, each_time(spin_at_once, "beginner"));
    const noted unnoted = run_noting(sim, 0ms, each_time(spin_at_once, "beginner"));
    CAPTURE(waited.lines, fresh.lines);
    REQUIRE(waited.stalls == 2);
    REQUIRE(waited.lines.size() == 2);
    REQUIRE(has(waited.lines[0], "tasks kept the loop from turning for 21.0 ms: "));
    REQUIRE(has(waited.lines[0], "one of [sleeper] from spin_after_sleeping (stall_watch_test"));
    REQUIRE(has(waited.lines[1], "a task kept the loop from turning for 21.0 ms: "));
    REQUIRE(has(waited.lines[1], "ms: [sleeper] from spin_after_sleeping (stall_watch_test.cpp:"));
    REQUIRE(fresh.stalls == 2);
    REQUIRE(fresh.lines.size() == 2);
    REQUIRE(has(fresh.lines[1],
                "ms: [beginner] from its beginning, spawned in each_time (stall_watch_test"));
    REQUIRE(unnoted.stalls == 0);
    REQUIRE(unnoted.lines.empty());
}

TEST_CASE("a task among others that blocks the loop has a name of its own", "[runtime][stall]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    const noted all = run_noting(kernel, limit, twice());
    CAPTURE(all.lines);
    REQUIRE(all.stalls >= 2);
    REQUIRE(any_tells_of(all.lines, ": [blocks] from its beginning up to spin_then_wait (stall_w"));
}

TEST_CASE("where several tasks ran in a stalled turn the next stall has one name",
          "[runtime][stall][sim]") {
    const noted all = run_noting(backend_kind::sim, limit, twice());
    CAPTURE(all.lines);
    REQUIRE(all.stalls == 2);
    REQUIRE(all.lines.size() == 2);
    REQUIRE(has(all.lines[0], "tasks kept the loop from turning for 21.0 ms: one of "));
    REQUIRE(has(all.lines[0], "[blocks] "));
    REQUIRE(has(all.lines[0], "spin_then_wait (stall_watch_test.cpp:"));
    REQUIRE(has(all.lines[1], "a task kept the loop from turning for 21.0 ms: [blocks] "));
    REQUIRE(has(all.lines[1], "[blocks] from its beginning up to spin_then_wait (stall_watch"));
}

TEST_CASE("time that a loop slept is no stall", "[runtime][stall][sim]") {
    const noted all = run_noting(backend_kind::sim, 500us, each_time(yield_once, "quick"));
    REQUIRE(all.stalls == 0);
}
