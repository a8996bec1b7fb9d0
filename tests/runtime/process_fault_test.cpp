// SPDX-License-Identifier: BSL-1.0
//
// Faults that come to a whole process: signals without end, and limits on memory that may be
// locked.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/io_workload.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/timer.hpp>

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

// --- X14 ----------------------------------------------------------------------------------------

std::atomic<int> storms_seen{0};  // by a signal handler
static_assert(std::atomic<int>::is_always_lock_free);

/// While it lives, SIGALRM interrupts this process five thousand times a second.
class signal_storm {
public:
    signal_storm() {
        storms_seen = 0;
        struct sigaction counting{};
        counting.sa_handler = [](int) { ++storms_seen; };
        counting.sa_flags = 0;  // no SA_RESTART: calls end with EINTR
        ::sigaction(SIGALRM, &counting, &before_);
        const itimerval often{{0, 200}, {0, 200}};
        ::setitimer(ITIMER_REAL, &often, nullptr);
    }
    signal_storm(const signal_storm&) = delete;
    ~signal_storm() {
        const itimerval never{};
        ::setitimer(ITIMER_REAL, &never, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }

private:
    struct sigaction before_{};
};

task<> run_a_process() {
    spawn_request program;
    program.path = "true";
    program.arguments = {"true"};
    auto child = current_kernel().spawn(program).value();
    auto handle = io_handle::attach(std::move(child.handle)).value();
    auto ended = co_await handle.wait_process();
    REQUIRE(ended.value().code == 0);
    REQUIRE(ended.value().signal == 0);
}

task<> write_and_read_a_file(const std::string& path) {
    auto created = co_await open_file(path.c_str(), open_mode::write_new);
    auto out = io_handle::attach(std::move(created.value())).value();
    auto sent = co_await out.write_some(bytes_of("kept"));
    auto opened = co_await open_file(path.c_str(), open_mode::read);
    auto in = io_handle::attach(std::move(opened.value())).value();
    std::array<std::byte, 16> buffer{};
    auto got = co_await in.read_some(buffer);
    REQUIRE(sent.value() == 4);
    REQUIRE(got.value() == 4);
}

task<> sleep_exactly(clock::duration wait) {
    const clock::time_point due = clock::now() + wait;
    const std::error_code ended = co_await sleep_until(due);
    REQUIRE(ended == std::error_code());
    REQUIRE(clock::now() >= due);
}

task<> splice_some() {
    handle_pair from = attached_pipe();
    handle_pair to = attached_socket_pair();
    auto sent = co_await from.out.write_some(bytes_of("moved"));
    auto moved = co_await from.in.splice_to(to.out, 16);
    REQUIRE(sent.value() == 5);
    REQUIRE(moved.value() == 5);
}

int seven() { return 7; }

/// Until the storm has been felt long enough.
task<> weather_a_storm() {
    constexpr int signals = 500;
    const temp_dir folder;
    const std::string path = folder.path() + "/file";
    const signal_storm storm;
    while (storms_seen < signals) {
        co_await some_of_everything();
        co_await write_and_read_a_file(path);
        co_await splice_some();
        co_await run_a_process();
        co_await sleep_exactly(1ms);
        auto counted = co_await blocking(&seven);
        REQUIRE(counted.value() == 7);
    }
}

// --- locked memory ------------------------------------------------------------------------------

constexpr int exit_ok = 0;
constexpr int exit_not_dropped = 3;
constexpr int exit_wrong = 4;

/// In a child: gives up every privilege and the right to lock memory, and runs on whatever backend
/// there is then.
[[noreturn]] void run_with_memlock(rlim_t bytes) {
    constexpr uid_t nobody = 65534;
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) ::_exit(exit_not_dropped);
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) ::_exit(exit_not_dropped);
    int code = exit_wrong;
    try {
        ::unsetenv("CONDUIT_BACKEND");
        scheduler sched(scheduler_options().log(nullptr));
        const std::string_view name = sched.backend_name();
        if (name == "uring" || name == "epoll") {
            sched.run(some_of_everything());
            code = exit_ok;
        }
    } catch (...) {
        code = exit_wrong;
    }
    ::_exit(code);
}

}  // namespace

TEST_CASE("X14: calls that signals interrupt all the time lose nothing", "[runtime][fault][X14]") {
    run_on_each_kernel(weather_a_storm);
}

TEST_CASE("X5: a process that may lock little memory or none has a backend that works",
          "[runtime][fault][X5]") {
    for (const rlim_t kilobytes : {0, 4, 16, 64, 256, 1024}) {
        CAPTURE(kilobytes);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) run_with_memlock(kilobytes * 1024);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFEXITED(status));
        REQUIRE(WEXITSTATUS(status) == exit_ok);
    }
}
