// SPDX-License-Identifier: BSL-1.0
//
// What only io_uring has: queues that fill up, requests that the kernel ends, memory that it holds.
// What every backend promises is in conformance_test.cpp.

#include <conduit/runtime/backend/uring.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/loopback.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

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

bool has_uring() {
    for (const backend_kind kind : kernel_backends()) {
        if (kind == backend_kind::uring) return true;
    }
    skip("io_uring cannot be had here");
    return false;
}

ring_limits small(unsigned submissions, unsigned completions) {
    ring_limits limits;
    limits.submissions = submissions;
    limits.completions = completions;
    return limits;
}

template <class T>
T run_with(const ring_limits& limits, task<T> body,
           const scheduler_options& options = scheduler_options()) {
    return scheduler(make_uring_backend(options, uring_wish::any, limits), options)
        .run(std::move(body));
}

task<> echo_bytes(io_handle& end, std::size_t expected) {
    std::array<std::byte, 64> buffer{};
    for (std::size_t done = 0; done < expected;) {
        auto got = co_await end.read_some(buffer);
        auto sent = co_await end.write_some(std::span(buffer).first(got.value()));
        done += sent.value();
    }
}

task<> ask_bytes(io_handle& end, std::size_t times) {
    std::array<std::byte, 64> buffer{};
    for (std::size_t i = 0; i < times; ++i) {
        auto sent = co_await end.write_some(bytes_of("12345678"));
        REQUIRE(sent.value() == 8);
        for (std::size_t done = 0; done < 8;) {
            auto got = co_await end.read_some(buffer);
            done += got.value();
        }
    }
}

/// Many connections at once, whose reads all wait in the kernel.
task<> many_echoes(int connections, std::size_t times) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < connections; ++i) pairs.push_back(attached_socket_pair());
    task_scope scope;
    for (handle_pair& pair : pairs) {
        scope.spawn(echo_bytes(pair.in, 8 * times));
        scope.spawn(ask_bytes(pair.out, times));
    }
    co_await scope.join();
}

task<std::error_code> read_once(io_handle& in) {
    std::array<std::byte, 16> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.error();
}

/// Cancels in one turn more reads than the queues have room for.
task<> cancel_many(int count) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < count; ++i) pairs.push_back(attached_pipe());
    task_group group;
    std::vector<child<std::error_code>> reads;
    for (handle_pair& pair : pairs) reads.push_back(group.spawn(read_once(pair.in)));
    co_await settle();
    for (auto& read : reads) read.request_stop();
    for (auto& read : reads) {
        const std::error_code ended = co_await read;
        REQUIRE(ended == errc::cancelled);
    }
}

/// Sums up what arrives in lent buffers until the end of the stream.
task<std::size_t> take_lent(io_handle& in) {
    std::size_t total = 0;
    for (;;) {
        auto got = co_await in.receive_lent();
        if (got.value().empty()) co_return total;
        total += got->bytes().size();
    }
}

task<> send_and_close(io_handle out, std::size_t bytes) {
    io_handle mine = std::move(out);
    const std::string text(bytes, 'x');
    std::span<const std::byte> rest = bytes_of(text);
    while (!rest.empty()) {
        auto sent = co_await mine.write_some(rest.first(std::min<std::size_t>(rest.size(), 300)));
        rest = rest.subspan(sent.value());
    }
}

/// Connections whose receives go on in the kernel between two calls.
task<> many_lent(int connections, std::size_t bytes) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < connections; ++i) pairs.push_back(attached_socket_pair());
    task_scope scope;
    std::vector<child<std::size_t>> takers;
    for (handle_pair& pair : pairs) {
        takers.push_back(scope.spawn(take_lent(pair.in)));
        scope.spawn(send_and_close(std::move(pair.out), bytes));
    }
    for (auto& taker : takers) {
        const std::size_t got = co_await taker;
        REQUIRE(got == bytes);
    }
    co_await scope.join();
}

task<> accept_all(int count) {
    auto [socket, address] = listen_on_loopback(64);
    auto listener = io_handle::attach(std::move(socket)).value();
    std::vector<io_handle> clients;
    for (int i = 0; i < count; ++i) {
        clients.push_back(attached_tcp_socket());
        auto connected = co_await clients.back().connect(address);
        REQUIRE(connected);
    }
    for (int i = 0; i < count; ++i) {
        auto peer = co_await listener.accept_many();
        REQUIRE(peer);
    }
}

task<> some_of_everything() {
    co_await many_echoes(20, 5);
    co_await cancel_many(20);
    co_await many_lent(10, 5000);
    co_await accept_all(20);
}

/// Makes the first `count` submissions of a kind end with `result` instead of being done.
struct injection {
    int code;
    std::int32_t result;
    int count;
};

ring_limits with(const std::shared_ptr<injection>& fault) {
    ring_limits limits;
    limits.on_submission = [fault](io_uring_sqe& next) {
        if (next.opcode != fault->code || fault->count == 0) return;
        --fault->count;
        constexpr unsigned inject_result = 1;  // IORING_NOP_INJECT_RESULT, Linux 6.10
        const auto tag = next.user_data;
        io_uring_prep_nop(&next);
        next.user_data = tag;
        next.rw_flags = inject_result;
        next.len = static_cast<unsigned>(fault->result);
    };
    return limits;
}

/// Whether a NOP may be told its result.
bool can_inject() {
    ring probe{ring_limits{}};
    io_uring_sqe* next = probe.submission(7);
    next->rw_flags = 1;
    next->len = 42;
    probe.enter(1s);
    const bool works = probe.completion()->result == 42;
    if (!works) skip("before Linux 6.10 no result can be injected");
    return works;
}

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

TEST_CASE("eight completions are room enough for any number", "[runtime][uring]") {
    if (!has_uring()) return;
    run_with(small(4, 8), some_of_everything());
    run_with(small(256, 8), some_of_everything());
}

TEST_CASE("four submissions are room enough for any number", "[runtime][uring]") {
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
    REQUIRE_THAT(said, Contains("backend uring: ") && Contains("256 submissions"));
}

TEST_CASE("a pipe that the kernel will not wait on is polled", "[runtime][uring]") {
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
    run_with(with(fault), body());
    REQUIRE(fault->count == 0);
}

TEST_CASE("a request that a signal interrupted is made again", "[runtime][uring]") {
    if (!has_uring() || !can_inject()) return;
    for (const int code : {int{IORING_OP_RECV}, int{IORING_OP_RECVMSG}, int{IORING_OP_ACCEPT},
                           int{IORING_OP_POLL_ADD}, int{IORING_OP_READ}}) {
        for (const std::int32_t result : {-EINTR, -ECANCELED, -512}) {
            CAPTURE(code, result);
            auto fault = std::make_shared<injection>(injection{code, result, 2});
            run_with(with(fault), some_of_everything());
        }
    }
}

TEST_CASE("a receive that found no buffer is made again when there is one", "[runtime][uring]") {
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
    run_with(with(fault), body());
    REQUIRE(fault->count == 0);
}

TEST_CASE("an accept whose peer gave up goes on", "[runtime][uring]") {
    if (!has_uring() || !can_inject()) return;
    auto fault = std::make_shared<injection>(injection{IORING_OP_ACCEPT, -ECONNABORTED, 3});
    run_with(with(fault), accept_all(5));
    REQUIRE(fault->count < 3);
}

TEST_CASE("few buffers serve many connections, without loss", "[runtime][uring]") {
    if (!has_uring()) return;
    run_with(ring_limits{}, many_lent(50, 20'000), scheduler_options().lent_buffers(3, 100));
    run_with(small(4, 8), many_lent(50, 20'000), scheduler_options().lent_buffers(3, 100));
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

TEST_CASE("a forked child has no part of a live ring", "[runtime][uring]") {
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

TEST_CASE("a forked child may run a scheduler of its own, or the parent's idle one",
          "[runtime][uring]") {
    if (!has_uring()) return;
    scheduler idle(scheduler_options().backend(backend_kind::uring));
    idle.run(many_echoes(3, 3));
    const pid_t child = ::fork();
    if (child == 0) {
        {
            scheduler own(scheduler_options().backend(backend_kind::uring));
            own.run(many_echoes(3, 3));
        }
        idle.run(many_echoes(3, 3));
        ::_exit(0);
    }
    REQUIRE(status_of(child) == 0);
    idle.run(many_echoes(3, 3));
}
