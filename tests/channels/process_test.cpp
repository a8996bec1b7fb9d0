// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/process.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/copy.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <csignal>
#include <optional>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// Reads until `count` bytes came.
task<std::string> read_text(process& from, std::size_t count) {
    std::string text(count, '?');
    auto got = co_await read_exact(from, std::as_writable_bytes(std::span<char>(text)));
    got.value();
    co_return text;
}

/// Says "ready" once it refuses to end by SIGTERM.
command stubborn() {
    return command("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done");
}

}  // namespace

TEST_CASE("a process is a channel and a byte stream", "[channels][process]") {
    STATIC_REQUIRE(channel<process>);
    STATIC_REQUIRE(byte_stream<process>);
    STATIC_REQUIRE(process::traits.relation == channel_relation::related);
}

CO_TEST_CASE("a program is talked to as one stream and then ends", "[channels][process]") {
    test::needs_processes();
    auto child = start(command("cat")).value();
    auto sent = co_await write_all(child, bytes_of("hello"));
    auto text = co_await read_text(child, 5);
    REQUIRE_FALSE(child.has_exited());
    auto closed = co_await child.close_writing();
    auto status = co_await child.exited();
    auto again = co_await child.exited();
    REQUIRE(sent);
    REQUIRE(text == "hello");
    REQUIRE(closed);
    REQUIRE(status.value().code == 0);
    REQUIRE(again.value().code == 0);
    REQUIRE(child.has_exited());
    REQUIRE(child.signal(SIGTERM).error() == std::errc::no_such_process);
}

CO_TEST_CASE("how a program ended is an exit code or a signal", "[channels][process]") {
    test::needs_processes();
    auto exits = start(command("sh", "-c", "exit 7")).value();
    auto dies = start(command("sh", "-c", "kill -USR1 $$")).value();
    auto code = co_await exits.exited();
    auto signal = co_await dies.exited();
    REQUIRE(code.value().code == 7);
    REQUIRE(code->signal == 0);
    REQUIRE(signal.value().code == 0);
    REQUIRE(signal->signal == SIGUSR1);
}

CO_TEST_CASE("several tasks wait for the end of a program", "[channels][process]") {
    test::needs_processes();
    auto child = start(command("cat")).value();
    auto first = scope.spawn(child.exited());
    auto second = scope.spawn(child.exited());
    co_await test::settle();
    REQUIRE_FALSE(first.is_done());
    first.request_stop();
    auto cancelled = co_await first;
    auto third = scope.spawn(child.exited());
    REQUIRE_FALSE(second.is_done());
    auto closed = co_await child.close_writing();
    auto status = co_await second;
    auto same = co_await third;
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(closed);
    REQUIRE(status.value().code == 0);
    REQUIRE(same.value().code == 0);
}

CO_TEST_CASE("a program is asked to end", "[channels][process]") {
    test::needs_processes();
    auto child = start(command("cat")).value();
    auto status = co_await child.stop(1h);
    REQUIRE(status.value().signal == SIGTERM);
}

CO_TEST_CASE("one that does not listen is killed after the grace period", "[channels][process]") {
    test::needs_processes();
    auto child = start(stubborn()).value();
    auto ready = co_await read_text(child, 6);
    auto status = co_await child.stop(20ms);
    REQUIRE(ready == "ready\n");
    REQUIRE(status.value().signal == SIGKILL);
}

CO_TEST_CASE("stopping a program goes on when the task is asked to end",
             "[channels][process][cancel]") {
    test::needs_processes();
    auto child = start(stubborn()).value();
    auto ready = co_await read_text(child, 6);
    auto stopping = scope.spawn(child.stop(20ms));
    co_await yield();
    stopping.request_stop();
    auto status = co_await stopping;
    REQUIRE(ready == "ready\n");
    REQUIRE(status.value().signal == SIGKILL);
}

CO_TEST_CASE("stopping beside a task that waits for the end", "[channels][process]") {
    test::needs_processes();
    auto child = start(command("cat")).value();
    auto waiting = scope.spawn(child.exited());
    co_await test::settle();
    auto status = co_await child.stop(1h);
    auto seen = co_await waiting;
    REQUIRE(status.value().signal == SIGTERM);
    REQUIRE(seen.value().signal == SIGTERM);
}

CO_TEST_CASE("a process that is destroyed is killed and leaves no zombie", "[channels][process]") {
    test::needs_processes();
    {
        std::optional<process> child = start(stubborn()).value();
        auto ready = co_await read_text(*child, 6);
        REQUIRE(ready == "ready\n");
        REQUIRE(test::has_children());
        child.reset();
    }
    while (test::has_children()) co_await yield();
}

CO_TEST_CASE("a task that is destroyed while it waits ends its program", "[channels][process]") {
    test::needs_processes();
    {
        auto child = start(command("cat")).value();
        task_group group;
        group.spawn(as_task(child.exited()));
        co_await test::settle();
        REQUIRE(test::has_children());
    }
    while (test::has_children()) co_await yield();
}

TEST_CASE("a process outlives the scheduler's run and is ended all the same",
          "[channels][process]") {
    for (const backend_kind kind : test::kernel_backends()) {
        scheduler sched(scheduler_options().backend(kind));
        std::optional<process> kept;
        sched.run([](std::optional<process>& into) -> task<> {
            into = start(command("cat")).value();
            co_return;
        }(kept));
        REQUIRE(test::has_children());
        kept.reset();
        REQUIRE_FALSE(test::has_children());
    }
}

TEST_CASE("a hosted scheduler that is destroyed ends the programs of its tasks",
          "[channels][process]") {
    {
        scheduler sched(scheduler_options().backend(backend_kind::epoll));
        sched.post([&sched] {
            sched.guests().spawn([]() -> task<> {
                auto child = start(command("cat")).value();
                auto status = co_await child.exited();
                static_cast<void>(status);
            }());
        });
        while (!test::has_children()) sched.run_ready();
    }
    REQUIRE_FALSE(test::has_children());
}

CO_TEST_CASE("a program's pipes are taken as channels of their own", "[channels][process]") {
    test::needs_processes();
    command both("sh", "-c", "cat; echo err >&2");
    both.error_output(redirect::pipe());
    auto child = start(std::move(both)).value();
    auto in = child.take_input().value();
    auto out = child.take_output().value();
    auto errors = child.take_error_output().value();
    auto sent = co_await in.write_some(bytes_of("x"));
    in.close();
    std::array<std::byte, 8> buffer{};
    auto got = co_await out.read_some(buffer);
    auto said = co_await errors.read_some(buffer);
    auto closed = co_await child.read_some(buffer);
    auto twice = child.take_output();
    REQUIRE(sent.value() == 1);
    REQUIRE(got.value() == 1);
    REQUIRE(said.value() == 4);
    REQUIRE(closed.error() == std::errc::bad_file_descriptor);
    REQUIRE(twice.error() == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("signals and the end reach the whole group of a program", "[channels][process]") {
    test::needs_processes();
    command parent("sh", "-c", "sleep 1000 & echo ready; wait");
    parent.own_group();
    auto child = start(std::move(parent)).value();
    auto ready = co_await read_text(child, 6);
    auto status = co_await child.stop(1h);
    std::array<std::byte, 8> buffer{};
    auto end = co_await child.read_some(buffer);  // the grandchild held the pipe
    REQUIRE(ready == "ready\n");
    REQUIRE(status.value().signal == SIGTERM);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a child's bytes are copied inside the kernel", "[channels][process]") {
    test::needs_processes();
    auto child = start(command("cat") | command("cat")).value();
    REQUIRE(source_handle_of(child) == &child.stages()[1].handle_of(1));
    REQUIRE(sink_handle_of(child) == &child.stages()[0].handle_of(0));
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("through two programs"));
    out.close();
    auto moved = co_await copy(in, child);
    auto closed = co_await child.close_writing();
    std::array<std::byte, 20> buffer{};
    auto got = co_await read_exact(child, std::span<std::byte>(buffer));
    auto statuses = co_await child.exited();
    REQUIRE(written);
    REQUIRE(moved.value() == 20);
    REQUIRE(closed);
    REQUIRE(got);
    REQUIRE(statuses);
}
