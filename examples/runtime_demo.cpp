// SPDX-License-Identifier: BSL-1.0
//
// The runtime on one screen: a pipeline over a kernel pipe, a deadline, a failure that stops its
// siblings, the tree of waiting tasks, and a day that passes in a moment in simulated time.

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

stream<int> squares(int up_to) {
    for (int i = 1; i <= up_to; ++i) {
        co_await sleep_for(1ms);
        co_yield i* i;
    }
}

task<> produce(io_handle out) {
    io_handle mine = std::move(out);
    auto numbers = squares(5);
    while (auto n = co_await numbers.next()) {
        const std::string line = std::to_string(*n) + "\n";
        auto written = co_await mine.write_some(bytes_of(line));
        written.value();
    }
}

task<> consume(io_handle in) {
    io_handle mine = std::move(in);
    std::array<char, 64> buffer{};
    for (;;) {
        auto got = co_await mine.read_some(std::as_writable_bytes(std::span(buffer)));
        if (got.value() == 0) co_return;
        std::printf("   read %s", std::string(buffer.data(), *got).c_str());
    }
}

task<> pipeline() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe");
    auto in = io_handle::attach(unique_fd(ends[0]));
    auto out = io_handle::attach(unique_fd(ends[1]));
    task_scope scope;
    scope.spawn(produce(std::move(out.value())), "producer");
    scope.spawn(consume(std::move(in.value())), "consumer");
    co_await yield();
    co_await yield();
    std::printf("2. Meanwhile, who waits for what:\n%s", scheduler::current().dump_tasks().c_str());
    std::puts("3. What the consumer read:");
    co_await scope.join();
}

task<> fail_soon() {
    co_await sleep_for(2ms);
    throw std::runtime_error("the disk is on fire");
}

task<> report_end(const char* who) {
    const std::error_code ended = co_await sleep_for(1h);
    std::printf("   %s: %s\n", who, ended.message().c_str());
}

task<> fail_together() {
    task_scope scope;
    scope.spawn(report_end("sibling"));
    scope.spawn(fail_soon());
    co_await scope.join();
}

task<> demo() {
    const std::error_code ended = co_await within(10ms, sleep_for(1h));
    std::printf("1. A wait of an hour under a deadline of 10 ms: %s\n", ended.message().c_str());
    co_await pipeline();
    std::puts("4. One task fails, its sibling is stopped:");
    try {
        co_await fail_together();
    } catch (const std::runtime_error& error) {
        std::printf("   joined: %s\n", error.what());
    }
}

task<> sleep_a_day() { co_await sleep_for(24h); }

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    conduit::run(demo());
    const auto begun = std::chrono::steady_clock::now();
    scheduler(scheduler_options().backend(backend_kind::sim).seed(1)).run(sleep_a_day());
    const auto took = std::chrono::steady_clock::now() - begun;
    std::printf("5. A day in simulated time passed in %lld us.\n",
                static_cast<long long>(took / 1us));
}
