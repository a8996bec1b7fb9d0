// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/runtime.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

scheduler_options on(backend_kind kernel) { return scheduler_options().backend(kernel); }

task<int> number(int value) {
    co_await yield();
    co_return value;
}

task<> fail() {
    co_await yield();
    throw std::runtime_error("from a worker");
}

task<bool> gets_signals() {
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    co_return sigismember(&blocked, SIGTERM) == 0;
}

task<> note_end(std::atomic<int>& begun, std::atomic<int>& ended) {
    ++begun;
    const std::error_code why = co_await sleep_for(1h);
    if (why == errc::cancelled) ++ended;
}

/// Lets only so many more descriptors be opened, until it is destroyed.
class descriptors_limited {
public:
    explicit descriptors_limited(int more) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit tight = before_;
        tight.rlim_cur = static_cast<rlim_t>(test::open_descriptors() - 1 + more);
        ::setrlimit(RLIMIT_NOFILE, &tight);
    }
    descriptors_limited(const descriptors_limited&) = delete;
    ~descriptors_limited() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

std::error_code code_of_start(std::size_t workers) {
    try {
        runtime none(workers, on(backend_kind::epoll));
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

}  // namespace

TEST_CASE("a runtime runs a task on its first worker", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(2, on(kernel));
    REQUIRE(workers.size() == 2);
    const bool first = workers.run([](runtime& all) -> task<bool> {
        co_return &scheduler::current() == &all.worker(0);
    }(workers));
    REQUIRE(first);
    REQUIRE(workers.run(number(7)) == 7);
    REQUIRE_THROWS_AS(workers.run(fail()), std::runtime_error);
}

TEST_CASE("a runtime takes tasks from several threads at a time", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(1, on(kernel));
    std::atomic<int> sum{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i) {
        callers.emplace_back([&workers, &sum, i] { sum += workers.run(number(i)); });
    }
    for (std::thread& each : callers) each.join();
    REQUIRE(sum == 28);
}

TEST_CASE("workers get no signals", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    runtime workers(1, on(kernel));
    REQUIRE_FALSE(workers.run(gets_signals()));
    REQUIRE(run(gets_signals()));
}

TEST_CASE("destroying a runtime stops its tasks and waits for them", "[runtime][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    {
        runtime workers(3, on(kernel));
        for (std::size_t i = 0; i < 3; ++i) {
            const bool posted = workers.worker(i).post(
                [&begun, &ended] { scheduler::current().guests().spawn(note_end(begun, ended)); });
            REQUIRE(posted);
        }
        workers.run([](std::atomic<int>& count) -> task<> {
            while (count < 3) co_await yield();
        }(begun));
        REQUIRE(ended == 0);
    }
    REQUIRE(ended == 3);
}

TEST_CASE("a worker that cannot start fails the constructor and leaks nothing",
          "[runtime][threads]") {
    const int before = test::open_descriptors();
    std::error_code code;
    {
        const descriptors_limited tight(3);  // a scheduler on epoll needs two
        code = code_of_start(4);
    }
    REQUIRE(code == std::errc::too_many_files_open);
    REQUIRE(test::open_descriptors() == before);
}

TEST_CASE("a runtime has as many workers as the hardware runs threads", "[runtime][threads]") {
    runtime workers;
    REQUIRE(workers.size() == std::max(1U, std::thread::hardware_concurrency()));
}

TEST_CASE("misuse of a runtime is named", "[runtime][threads]") {
    const std::string none = test::stderr_of_death([] { runtime workers(0); });
    REQUIRE_THAT(none, Catch::Contains("a runtime has at least one worker"));
    const std::string sim = test::stderr_of_death(
        [] { runtime workers(1, scheduler_options().backend(backend_kind::sim)); });
    REQUIRE_THAT(sim, Catch::Contains("a simulation has one thread"));
}
