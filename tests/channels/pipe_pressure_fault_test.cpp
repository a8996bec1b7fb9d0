// SPDX-License-Identifier: BSL-1.0
//
// Pipes whose other side dies, stops, or has little room.

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

std::atomic<int> sigpipes_seen{0};  // by a signal handler
static_assert(std::atomic<int>::is_always_lock_free);

/// While it lives, SIGPIPE is counted, unblocked, and so would be noticed.
class sigpipe_counter {
public:
    sigpipe_counter() {
        sigpipes_seen = 0;
        struct sigaction counting{};
        counting.sa_handler = [](int) { ++sigpipes_seen; };
        ::sigaction(SIGPIPE, &counting, &before_);
    }
    sigpipe_counter(const sigpipe_counter&) = delete;
    ~sigpipe_counter() { ::sigaction(SIGPIPE, &before_, nullptr); }

private:
    struct sigaction before_{};
};

/// To a pipe without a reader: at once, while waiting, by splice, and on a blocking descriptor.
task<> write_to_nobody() {
    {
        auto [in, out] = make_pipe().value();
        in.close();
        auto written = co_await out.write_some(bytes_of("x"));
        REQUIRE(written.error() == std::errc::broken_pipe);
    }
    {
        auto [in, out] = make_pipe().value();
        auto filled = co_await fill(out.handle());
        REQUIRE(filled > 0);
        task_scope scope;
        auto waiting = scope.spawn(as_task(out.write_some(bytes_of("x"))));
        co_await settle();
        REQUIRE_FALSE(waiting.is_done());
        in.close();
        auto written = co_await waiting;
        REQUIRE(written.error() == std::errc::broken_pipe);
        co_await scope.join();
    }
    {
        auto [in, out] = make_pipe().value();
        auto [from, to] = make_pipe().value();
        auto sent = co_await to.write_some(bytes_of("x"));
        in.close();
        auto moved = co_await from.handle().splice_to(out.handle(), 1);
        REQUIRE(sent.value() == 1);
        REQUIRE(moved.error() == std::errc::broken_pipe);
    }
}

task<> write_to_nobody_blocking() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    auto out = pipe_writer::adopt(unique_fd(ends[1])).value();
    ::close(ends[0]);
    auto written = co_await out.write_some(bytes_of("x"));
    REQUIRE(written.error() == std::errc::broken_pipe);
}

int capacity_of(io_handle& pipe) { return ::fcntl(pipe.native().value(), F_GETPIPE_SZ); }

void shrink(io_handle& pipe) {
    REQUIRE(::fcntl(pipe.native().value(), F_SETPIPE_SZ, 4096) == 4096);
}

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 % 251);
    return bytes;
}

template <class Sink>
task<> write_and_close(Sink& to, std::span<const std::byte> bytes) {
    auto sent = co_await write_all(to, bytes);
    auto closed = co_await to.close_writing();
    REQUIRE(sent);
    REQUIRE(closed);
}

template <class Source>
task<std::vector<std::byte>> read_to_end(Source& from) {
    std::vector<std::byte> all;
    std::array<std::byte, 3000> part{};
    for (;;) {
        auto got = co_await from.read_some(part);
        if (*got == 0) break;
        all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*got));
    }
    co_return all;
}

constexpr std::size_t record_bytes = 4096;  // PIPE_BUF: goes as a whole

task<> write_records(pipe_writer& to, std::byte mark, int count) {
    const std::vector<std::byte> record(record_bytes, mark);
    for (int i = 0; i < count; ++i) {
        auto sent = co_await to.write_some(record);
        REQUIRE(sent.value() == record_bytes);
    }
    to.close();
}

}  // namespace

CO_TEST_CASE("P1: writing where nobody reads is an error and never a SIGPIPE",
             "[channels][pipe][fault][P1]") {
    const sigpipe_counter counter;
    co_await write_to_nobody();
    REQUIRE(sigpipes_seen == 0);
}

TEST_CASE("P1: nor on a descriptor that blocks, nor in another thread",
          "[channels][pipe][fault][P1][threads]") {
    const sigpipe_counter counter;
    run_on_each_kernel(write_to_nobody_blocking);
    for (const backend_kind kind : kernel_backends()) {
        std::thread([kind] {
            scheduler sched(scheduler_options().backend(kind));
            sched.run(write_to_nobody());
            sched.run(write_to_nobody_blocking());
        }).join();
    }
    REQUIRE(sigpipes_seen == 0);
}

CO_TEST_CASE("P1: a program that dies breaks the pipe to it without a SIGPIPE",
             "[channels][process][fault][P1]") {
    needs_processes();
    const sigpipe_counter counter;
    auto child = start(command("cat")).value();
    auto killed = child.signal(SIGKILL);
    auto status = co_await child.exited();
    auto written = co_await child.write_some(bytes_of("x"));
    REQUIRE(killed);
    REQUIRE(status.value().signal == SIGKILL);
    REQUIRE(written.error() == std::errc::broken_pipe);
    REQUIRE(sigpipes_seen == 0);
}

CO_TEST_CASE("P3: a reader that is stopped holds the writer back, until a deadline or a stop",
             "[channels][process][fault][P3]") {
    needs_processes();
    command cat("cat");
    cat.output(redirect::null());
    auto child = start(std::move(cat)).value();
    stop_child(child.pid());
    auto filled = co_await fill(child.handle_of(0));
    const int capacity = capacity_of(child.handle_of(0));
    auto late = co_await within(5ms, child.write_some(bytes_of("x")));
    auto waiting = scope.spawn(as_task(child.write_some(bytes_of("x"))));
    co_await settle();
    REQUIRE_FALSE(waiting.is_done());
    waiting.request_stop();
    auto stopped = co_await waiting;
    resume_child(child.pid());
    auto went_on = co_await child.write_some(bytes_of("x"));
    REQUIRE(static_cast<int>(filled) == capacity);
    REQUIRE(late.error() == errc::timed_out);
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(went_on.value() == 1);
}

TEST_CASE("P4: pipes of one page carry as much as others", "[channels][pipe][fault][P4]") {
    run_on_each_kernel([]() -> task<> {
        auto [in, out] = make_pipe().value();
        shrink(out.handle());
        const std::vector<std::byte> bytes = pattern(300'000);
        task_scope scope;
        auto received = scope.spawn(read_to_end(in));
        co_await write_and_close(out, std::span(bytes));
        auto all = co_await received;
        co_await scope.join();
        REQUIRE(all == bytes);
    });
}

CO_TEST_CASE("P4: a pipeline on pipes of one page does not lock up",
             "[channels][pipeline][fault][P4]") {
    needs_processes();
    auto running = start(command("cat") | command("cat")).value();
    shrink(running.stages().front().handle_of(0));
    shrink(running.stages().back().handle_of(1));
    const std::vector<std::byte> bytes = pattern(300'000);
    auto received = scope.spawn(read_to_end(running));
    co_await write_and_close(running, std::span(bytes));
    auto all = co_await received;
    auto statuses = co_await running.exited();
    REQUIRE(all == bytes);
    REQUIRE(statuses);
}

CO_TEST_CASE("P5: into a pipe that is nearly full goes a part, and then the rest",
             "[channels][pipe][fault][P5]") {
    auto [in, out] = make_pipe().value();
    const std::vector<std::byte> bytes = pattern(1'000'000);
    auto part = co_await out.write_some(bytes);
    REQUIRE(part.value() > 0);
    REQUIRE(*part < bytes.size());
    auto received = scope.spawn(read_to_end(in));
    const auto rest = std::span(bytes).subspan(*part);
    co_await write_and_close(out, rest);
    auto all = co_await received;
    REQUIRE(all == bytes);
}

CO_TEST_CASE("P5: records up to PIPE_BUF of two writers are not mixed",
             "[channels][pipe][fault][P5]") {
    constexpr int records = 50;
    auto ends = current_kernel().make_pipe().value();
    auto duplicate = current_kernel().duplicate(ends.second).value();
    auto in = pipe_reader::adopt(std::move(ends.first)).value();
    auto first = pipe_writer::adopt(std::move(ends.second)).value();
    auto second = pipe_writer::adopt(std::move(duplicate)).value();
    auto one = scope.spawn(write_records(first, std::byte{1}, records));
    auto two = scope.spawn(write_records(second, std::byte{2}, records));
    auto all = co_await read_to_end(in);
    co_await one;
    co_await two;
    REQUIRE(all.size() == 2 * records * record_bytes);
    for (std::size_t i = 0; i < all.size(); i += record_bytes) {
        REQUIRE(std::memcmp(&all[i], &all[i + 1], record_bytes - 1) == 0);
    }
}
