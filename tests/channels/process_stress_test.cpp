// SPDX-License-Identifier: BSL-1.0
//
// A thousand pipelines, shared by the kernel backends, eight at a time: run to their end,
// cancelled, overtaken by a deadline, stopped or destroyed at a random moment. Nothing of them may
// be left.

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/stress.hpp"

#include <conduit/channels/pipeline.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <cstdlib>
#include <random>
#include <string>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

constexpr int pipelines_of_all = 1000;
constexpr int at_a_time = 8;

struct stress_state {
    std::mt19937_64 random;
    std::chrono::steady_clock::time_point until;
    bool by_time = false;  // goes on until then, however many that are
    int wanted = 0;
    int begun = 0;
    int whole = 0;

    bool goes_on() {
        if (std::chrono::steady_clock::now() >= until || (!by_time && begun >= wanted))
            return false;
        ++begun;
        return true;
    }
    int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); }
    clock::duration moment() { return std::chrono::microseconds(below(8000)); }
};

/// Ends by itself where `ends` says so.
pipeline random_pipeline(stress_state& state, bool ends) {
    command source = ends ? command("seq", "1000") : command("yes");
    command last =
        state.below(4) == 0 ? command("sh", "-c", "trap '' TERM; cat >&2") : command("cat");
    last.error_output(redirect::null()).output(ends ? redirect::capture() : redirect::null());
    pipeline made(std::move(source));
    if (state.below(2) == 0) made.append(command("cat"));
    made.append(std::move(last)).grace(state.moment());
    return made;
}

task<> cancelled_at_random(stress_state& state, pipeline stages) {
    task_group group;
    auto running = group.spawn(run(std::move(stages)));
    co_await sleep_for(state.moment());
    running.request_stop();
    if (state.below(2) == 0) co_return;  // destroyed where it stands
    auto done = co_await running;
    if (!done) REQUIRE(done.error() == errc::cancelled);
}

task<> stopped_at_random(stress_state& state, pipeline stages) {
    auto running = start(std::move(stages)).value();
    co_await sleep_for(state.moment());
    if (state.below(4) == 0) co_return;  // destroyed as it runs
    auto statuses = co_await running.stop(state.moment());
    REQUIRE(statuses);
}

task<> one_pipeline(stress_state& state) {
    const bool ends = state.below(3) == 0;
    pipeline stages = random_pipeline(state, ends);
    if (ends) {
        auto done = co_await run(std::move(stages));
        if (done.value().ok()) ++state.whole;
        co_return;
    }
    switch (state.below(3)) {
        case 0: co_await cancelled_at_random(state, std::move(stages)); break;
        case 1: co_await stopped_at_random(state, std::move(stages)); break;
        default: {
            const clock::duration limit = state.moment();
            auto done = co_await within(limit, run(std::move(stages)));
            REQUIRE(done.error() == errc::timed_out);
        }
    }
}

task<> pipelines(stress_state& state) {
    while (state.goes_on()) co_await one_pipeline(state);
}

task<> pipelines_side_by_side(stress_state& state) {
    task_scope scope;
    for (int i = 0; i < at_a_time; ++i) scope.spawn(pipelines(state));
    co_await scope.join();
}

std::uint64_t chosen_seed() {
    const char* given = std::getenv("CONDUIT_TEST_SEED");
    return given != nullptr ? std::stoull(given) : std::random_device()();
}

}  // namespace

TEST_CASE("a thousand pipelines, ended in every way, leave nothing behind",
          "[channels][pipeline][stress]") {
    for (const backend_kind kind : kernel_backends()) {
        const std::uint64_t seed = chosen_seed();
        INFO("CONDUIT_TEST_SEED=" << seed);
        const int descriptors = open_descriptors();
        stress_state state;
        state.random.seed(seed);
        const int backends = static_cast<int>(kernel_backends().size());
        state.wanted = pipelines_of_all / backends;
        state.by_time = std::getenv("CONDUIT_STRESS_SECONDS") != nullptr;
        std::uint64_t tasks = 0;
        {
            scheduler sched(scheduler_options().backend(kind));
            state.until = std::chrono::steady_clock::now() + stress_time() / backends;
            sched.run(pipelines_side_by_side(state));
            tasks = sched.counters().tasks_live.value();
        }
        std::printf("%s: %d pipelines, %d of them to their end\n",
                    kind == backend_kind::uring ? "uring" : "epoll", state.begun, state.whole);
        REQUIRE(state.whole > 0);
        REQUIRE(tasks == 0);
        REQUIRE_FALSE(has_children());
        REQUIRE(open_descriptors() == descriptors);
    }
}
