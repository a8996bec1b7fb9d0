// SPDX-License-Identifier: BSL-1.0
//
// How work ends early: by a deadline, because somebody asks, or because what it belongs to has
// failed. It is always asked and then waited for, so nothing goes on behind one's back.

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <system_error>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// Neither of the two knows of a deadline. Each wait does, whoever set it.
task<std::error_code> wait_an_hour() { co_return co_await sleep_for(1h); }

task<> miss_a_deadline() {
    const std::error_code ended = co_await within(10ms, wait_an_hour());
    std::printf("an hour within 10 ms: %s\n", ended.message().c_str());
}

task<result<std::size_t>> read_into(pipe_reader& in, std::span<std::byte> room) {
    co_return co_await in.read_some(room);
}

/// A read that was cancelled took nothing, so the next one goes on without a gap.
task<> stop_a_read() {
    auto ends = make_pipe().value();
    std::array<char, 16> text{};
    const auto room = std::as_writable_bytes(std::span(text));
    task_scope scope;
    auto reading = scope.spawn(read_into(ends.reader, room));
    co_await yield();  // it has its turn, and waits
    reading.request_stop();
    auto stopped = co_await reading;
    std::printf("a read nobody wants: %s\n", stopped.error().message().c_str());

    auto sent = co_await write_all(ends.writer, bytes_of("not lost"));
    sent.value();
    auto got = co_await ends.reader.read_some(room);
    std::printf("the next one: %.*s\n", static_cast<int>(got.value()), text.data());
    co_await scope.join();
}

task<> fail_soon() {
    co_await sleep_for(1ms);
    throw std::runtime_error("the disk is on fire");
}

/// To clean up takes no more than to look at what a wait yields.
task<> work_until_stopped() {
    const std::error_code ended = co_await wait_an_hour();
    std::printf("its sibling: %s; cleans up\n", ended.message().c_str());
}

/// The first of its tasks that throws stops the others, and join() throws the same.
task<> fail_together() {
    task_scope scope;
    scope.spawn(work_until_stopped());
    scope.spawn(fail_soon());
    co_await scope.join();
}

task<> program() {
    co_await miss_a_deadline();
    co_await stop_a_read();
    try {
        co_await fail_together();
    } catch (const std::runtime_error& why) {
        std::printf("both have ended: %s\n", why.what());
    }
}

}  // namespace

int main() { run(program()); }
