// SPDX-License-Identifier: BSL-1.0
#include "co_test.hpp"

#include "../skip.hpp"

#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/timer.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace conduit::test {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;
constexpr std::uint64_t seeds = 5;

task<> body_in_scope(co_body body) {
    task_scope scope;
    co_await body(scope);
    co_await scope.join();
}

/// A hang is a bug: says where everything stands. In a simulation the scheduler itself finds out.
task<> watch_for_hang() {
    scheduler& here = scheduler::current();
    std::uint64_t seen = 0;
    for (;;) {
        const std::error_code ended = co_await sleep_for(patience);
        if (ended) co_return;
        const std::uint64_t completions = here.counters().completions.value();
        if (completions <= seen + 1) {
            std::fprintf(stderr, "no completion for 30 seconds:\n%s", here.dump_tasks().c_str());
            std::abort();
        }
        seen = completions;
    }
}

task<> watched_body(co_body body, bool watched) {
    if (watched) scheduler::current().guests().spawn(watch_for_hang(), "watchdog");
    co_await body_in_scope(body);
}

bool is_selected(std::string_view backend) {
    const char* only = std::getenv("CONDUIT_TEST_BACKEND");
    return only == nullptr || backend == only;
}

const char* name_of(backend_kind kind) { return kind == backend_kind::uring ? "uring" : "epoll"; }

bool can_have_uring() {
    try {
        const scheduler probe(scheduler_options().backend(backend_kind::uring));
        return true;
    } catch (const std::system_error& why) {
        skip(why.what());
        return false;
    }
}

std::vector<std::uint64_t> selected_seeds() {
    if (const char* only = std::getenv("CONDUIT_TEST_SEED")) return {std::stoull(only)};
    std::vector<std::uint64_t> all;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) all.push_back(seed);
    return all;
}

/// False when the backend cannot do what the body needs.
bool run_on(const scheduler_options& options, co_body body) {
    const std::int64_t frames_before = frame_pool::of_thread().live();
    const int descriptors_before = open_descriptors();
    std::uint64_t tasks_after = 0;
    bool supported = true;
    {
        scheduler sched(options);
        const bool watched = options.backend() != backend_kind::sim;
        try {
            sched.run(watched_body(body, watched));
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::not_supported) throw;
            supported = false;
            skip("not in this backend yet: " + std::string(sched.backend_name()));
        }
        tasks_after = sched.counters().tasks_live.value();
    }
    REQUIRE(tasks_after == 0);
    REQUIRE(frame_pool::of_thread().live() == frames_before);
    REQUIRE(open_descriptors() == descriptors_before);
    if (supported) ran();
    return supported;
}

}  // namespace

int open_descriptors() {
    const std::filesystem::directory_iterator listing("/proc/self/fd");
    return static_cast<int>(std::distance(begin(listing), end(listing)));
}

const std::vector<backend_kind>& kernel_backends() {
    static const std::vector<backend_kind> usable = [] {
        std::vector<backend_kind> found;
        if (is_selected("epoll")) found.push_back(backend_kind::epoll);
        if (is_selected("uring") && can_have_uring()) found.push_back(backend_kind::uring);
        return found;
    }();
    return usable;
}

void run_on_each_kernel(task<> (*body)()) {
    for (const backend_kind kind : kernel_backends()) {
        DYNAMIC_SECTION("on " << name_of(kind)) {
            scheduler(scheduler_options().backend(kind)).run(body());
            ran();
        }
    }
}

void run_on_every_backend(co_body body) {
    for (const backend_kind kind : kernel_backends()) {
        DYNAMIC_SECTION("on " << name_of(kind)) { run_on(scheduler_options().backend(kind), body); }
    }
    if (!is_selected("sim")) return;
    DYNAMIC_SECTION("on sim") {
        for (const std::uint64_t seed : selected_seeds()) {
            INFO("CONDUIT_TEST_BACKEND=sim CONDUIT_TEST_SEED=" << seed);
            if (!run_on(scheduler_options().backend(backend_kind::sim).seed(seed), body)) break;
        }
    }
}

}  // namespace conduit::test
