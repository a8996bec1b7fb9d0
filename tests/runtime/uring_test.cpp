// SPDX-License-Identifier: BSL-1.0
//
// What only io_uring has: queues that fill up, requests that the kernel ends, memory that it holds.
// What every backend promises is in conformance_test.cpp.

#include <conduit/runtime/backend/uring.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/io_workload.hpp"
#include "../support/loopback.hpp"
#include "../support/settle.hpp"
#include "../support/uring_faults.hpp"

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

int maps_of_rings() {
    std::ifstream maps("/proc/self/maps");
    int count = 0;
    for (std::string line; std::getline(maps, line);) {
        if (line.find("io_uring") != std::string::npos) ++count;
    }
    return count;
}

int status_of(pid_t child) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE("eight completions are room enough for any number", "[runtime][uring][fault]") {
    if (!has_uring()) return;
    run_with(small(4, 8), some_of_everything());
    run_with(small(8, 8), some_of_everything());
}

TEST_CASE("four submissions are room enough for any number", "[runtime][uring][fault]") {
    if (!has_uring()) return;
    run_with(small(4, 4096), some_of_everything());
    run_with(small(1, 2), some_of_everything());
}

TEST_CASE("every rung of the ladder carries the same programs", "[runtime][uring]") {
    if (!has_uring()) return;
    ring_limits limits;
    for (const unsigned unknown :
         {0U, unsigned{IORING_SETUP_DEFER_TASKRUN},
          unsigned{IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN},
          unsigned{IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE}}) {
        CAPTURE(unknown);
        limits.unknown_flags = unknown;
        run_with(limits, some_of_everything());
    }
}

TEST_CASE("the best ring is one that completes in enter() alone", "[runtime][uring]") {
    if (!has_uring()) return;
    ring_limits limits;
    REQUIRE(make_uring_backend(scheduler_options(), uring_wish::the_best, limits) != nullptr);
    limits.unknown_flags = IORING_SETUP_DEFER_TASKRUN;
    REQUIRE_THROWS_WITH(make_uring_backend(scheduler_options(), uring_wish::the_best, limits),
                        Contains("no DEFER_TASKRUN"));
}

TEST_CASE("what was chosen is said at level debug", "[runtime][uring]") {
    if (!has_uring()) return;
    std::string said;
    auto sink = [&said](log_level level, std::string_view line) {
        if (level == log_level::debug) said = line;
    };
    const scheduler sched(scheduler_options().backend(backend_kind::uring).log(sink));
    REQUIRE(sched.backend_name() == "uring");
    REQUIRE_THAT(said, Contains("backend uring: ") && Contains(" submissions"));
}

TEST_CASE("a pipe that the kernel will not wait on is polled", "[runtime][uring][fault]") {
    if (!has_uring() || !can_inject()) return;
    auto fault = std::make_shared<injection>(injection{IORING_OP_READ, -EAGAIN, 3});
    auto body = []() -> task<> {
        handle_pair pair = attached_pipe();
        task_scope scope;
        auto reading = scope.spawn(read_once(pair.in));
        co_await settle();
        auto sent = co_await pair.out.write_some(bytes_of("x"));
        const std::error_code error = co_await reading;
        REQUIRE(sent);
        REQUIRE(error == std::error_code());
        scope.spawn(send_and_close(std::move(pair.out), 10'000));
        auto total = co_await take_lent(pair.in);
        REQUIRE(total == 10'000);
        co_await scope.join();
    };
    run_with(injecting(fault), body());
    REQUIRE(fault->count == 0);
}

TEST_CASE("a request that a signal interrupted is made again", "[runtime][uring][fault]") {
    if (!has_uring() || !can_inject()) return;
    for (const int code : {int{IORING_OP_RECV}, int{IORING_OP_RECVMSG}, int{IORING_OP_ACCEPT},
                           int{IORING_OP_POLL_ADD}, int{IORING_OP_READ}}) {
        for (const std::int32_t result : {-EINTR, -ECANCELED, -512}) {
            CAPTURE(code, result);
            auto fault = std::make_shared<injection>(injection{code, result, 2});
            run_with(injecting(fault), some_of_everything());
        }
    }
}

TEST_CASE("a receive that found no buffer is made again when there is one",
          "[runtime][uring][fault]") {
    if (!has_uring() || !can_inject()) return;
    auto fault = std::make_shared<injection>(injection{IORING_OP_RECVMSG, -ENOBUFS, 3});
    auto body = []() -> task<> {
        handle_pair pair = attached_socket_pair();
        task_scope scope;
        scope.spawn(send_and_close(std::move(pair.out), 10'000));
        auto total = co_await take_lent(pair.in);
        co_await scope.join();
        REQUIRE(total == 10'000);
    };
    run_with(injecting(fault), body());
    REQUIRE(fault->count == 0);
}

TEST_CASE("an accept whose peer gave up goes on", "[runtime][uring][fault]") {
    if (!has_uring() || !can_inject()) return;
    auto fault = std::make_shared<injection>(injection{IORING_OP_ACCEPT, -ECONNABORTED, 3});
    run_with(injecting(fault), accept_all(5));
    REQUIRE(fault->count < 3);
}

TEST_CASE("few buffers serve many connections, without loss", "[runtime][uring]") {
    if (!has_uring()) return;
    run_with(ring_limits{}, many_lent(50, 20'000), scheduler_options().lent_buffers(3, 100));
    run_with(small(4, 8), many_lent(50, 20'000), scheduler_options().lent_buffers(3, 100));
    run_with(small(4, 8), many_lent(50, 20'000));
}

TEST_CASE("connections that nobody reads do not keep the buffers from others", "[runtime][uring]") {
    if (!has_uring()) return;
    auto body = []() -> task<> {
        std::vector<handle_pair> stalled;
        for (int i = 0; i < 4; ++i) {
            stalled.push_back(attached_socket_pair());
            auto first = co_await stalled.back().out.write_some(bytes_of("x"));
            auto seen = co_await stalled.back().in.receive_lent();  // armed from now on
            REQUIRE(first);
            REQUIRE(seen->bytes().size() == 1);
            seen = lent_buffer();
            auto rest = co_await stalled.back().out.write_some(bytes_of("kept"));
            REQUIRE(rest);
            co_await settle();
        }
        co_await many_lent(2, 2'000);
        for (handle_pair& pair : stalled) {
            auto kept = co_await pair.in.receive_lent();
            REQUIRE(kept->bytes().size() == 4);
        }
    };
    run_with(ring_limits{}, body(), scheduler_options().lent_buffers(4, 64));
}

TEST_CASE("bytes received ahead are found by a plain read and keep the handle attached",
          "[runtime][uring]") {
    if (!has_uring()) return;
    auto body = []() -> task<> {
        handle_pair pair = attached_socket_pair();
        auto one = co_await pair.out.write_some(bytes_of("x"));
        auto first = co_await pair.in.receive_lent();
        auto two = co_await pair.out.write_some(bytes_of("abcdef"));
        REQUIRE(one);
        REQUIRE(two);
        co_await settle();
        auto refused = pair.in.detach();  // tidy: allow(detach)
        REQUIRE(refused.error() == std::errc::device_or_resource_busy);
        std::array<std::byte, 4> buffer{};
        auto got = co_await pair.in.read_some(buffer);
        auto rest = co_await pair.in.receive_lent();
        REQUIRE(got.value() == 4);
        REQUIRE(rest->bytes().size() == 2);
        REQUIRE(rest->bytes()[0] == std::byte('e'));
        auto loose = pair.in.detach();  // tidy: allow(detach)
        REQUIRE(loose);
    };
    run_with(ring_limits{}, body());
}

TEST_CASE("what waits goes on in the next run, on another thread too", "[runtime][uring]") {
    if (!has_uring()) return;
    scheduler sched(scheduler_options().backend(backend_kind::uring));
    std::optional<handle_pair> pair;
    std::optional<task_group> group;
    std::optional<child<std::error_code>> reading;
    auto begin = [](std::optional<handle_pair>& made, std::optional<task_group>& tasks,
                    std::optional<child<std::error_code>>& read) -> task<> {
        made.emplace(attached_pipe());
        tasks.emplace();
        read.emplace(tasks->spawn(read_once(made->in)));
        co_await settle();
    };
    auto go_on = [](handle_pair& made, child<std::error_code>& read) -> task<> {
        auto sent = co_await made.out.write_some(bytes_of("x"));
        const std::error_code error = co_await read;
        REQUIRE(sent);
        REQUIRE(error == std::error_code());
        made.in.close();
        made.out.close();
    };
    sched.run(begin(pair, group, reading));
    REQUIRE_FALSE(reading->is_done());
    std::thread other([&] { sched.run(go_on(*pair, *reading)); });
    other.join();
    reading.reset();
    group.reset();
}

TEST_CASE("nothing stays in the kernel after a run", "[runtime][uring]") {
    if (!has_uring()) return;
    const int before = open_descriptors();
    scheduler sched(scheduler_options().backend(backend_kind::uring));
    auto body = []() -> task<> {
        handle_pair pair = attached_pipe();
        handle_pair sockets = attached_socket_pair();
        task_group group;
        group.spawn(read_once(pair.in));
        group.spawn(read_once(sockets.in));
        co_await settle();
        group.request_stop();
        pair.in.close();
        sockets.in.close();
        co_await group.join();
    };
    sched.run(body());
    REQUIRE(open_descriptors() == before + 2);  // the ring and its eventfd
}

TEST_CASE("a forked child has no part of a live ring", "[runtime][uring][fault]") {
    if (!has_uring()) return;
    auto body = []() -> task<> {
        handle_pair pair = attached_pipe();
        task_group group;
        auto reading = group.spawn(read_once(pair.in));
        co_await settle();
        REQUIRE(maps_of_rings() > 0);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(maps_of_rings());
        const pid_t replaced = ::fork();
        if (replaced == 0) {
            ::execl("/bin/true", "true", nullptr);
            ::_exit(1);
        }
        REQUIRE(status_of(child) == 0);
        REQUIRE(status_of(replaced) == 0);
        auto sent = co_await pair.out.write_some(bytes_of("x"));
        const std::error_code error = co_await reading;
        REQUIRE(sent);
        REQUIRE(error == std::error_code());
        group.request_stop();
    };
    run_with(ring_limits{}, body());
}

TEST_CASE("a forked child may run a scheduler of its own", "[runtime][uring]") {
    if (!has_uring()) return;
    scheduler parents(scheduler_options().backend(backend_kind::uring));
    parents.run(many_echoes(3, 3));
    const pid_t child = ::fork();
    if (child == 0) {
        scheduler own(scheduler_options().backend(backend_kind::uring));
        own.run(many_echoes(3, 3));
        ::_exit(0);
    }
    REQUIRE(status_of(child) == 0);
    parents.run(many_echoes(3, 3));
}

TEST_CASE("a forked child that runs its parent's scheduler is told of it", "[runtime][uring]") {
    static scheduler* parents = nullptr;
    for (const backend_kind kind : kernel_backends()) {
        scheduler made(scheduler_options().backend(kind));
        parents = &made;
        REQUIRE_THAT(stderr_of_death([] { parents->run(many_echoes(1, 1)); }),
                     Contains("a forked child must make a scheduler of its own"));
    }
}

TEST_CASE("who accepts one does not accept all", "[runtime][uring]") {
    if (!has_uring()) return;
    auto body = []() -> task<> {
        auto [socket, address] = listen_on_loopback(4);
        auto listener = io_handle::attach(std::move(socket)).value();
        const int before = open_descriptors();
        std::vector<io_handle> clients;
        for (int i = 0; i < 80; ++i) {
            clients.push_back(attached_tcp_socket());
            auto connected = co_await within(1ms, clients.back().connect(address));
            if (i == 0) {
                auto peer = co_await listener.accept_many();
                REQUIRE(peer);
            }
            if (!connected) break;
        }
        co_await settle();
        const int accepted = open_descriptors() - before - static_cast<int>(clients.size());
        REQUIRE(accepted < 40);
    };
    run_with(ring_limits{}, body());
}
