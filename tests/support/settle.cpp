// SPDX-License-Identifier: BSL-1.0
#include "settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>

namespace conduit::test {
namespace {

handle_pair attached(std::pair<unique_fd, unique_fd> ends) {
    handle_pair pair;
    pair.in = io_handle::attach(std::move(ends.first)).value();
    pair.out = io_handle::attach(std::move(ends.second)).value();
    return pair;
}

task<> write_for_ever(io_handle& out, std::size_t& total) {
    const std::array<std::byte, 4096> chunk{};
    for (;;) {
        auto written = co_await out.write_some(chunk);
        if (!written) co_return;
        total += *written;
    }
}

task<> read_for_ever(io_handle& in, std::size_t& total) {
    std::array<std::byte, 4096> chunk{};
    for (;;) {
        auto got = co_await in.read_some(chunk);
        if (!got || *got == 0) co_return;
        total += *got;
    }
}

}  // namespace

task<> settle() {
    if (scheduler::current().backend_name() == "sim") {
        co_await sleep_for(std::chrono::seconds(1));
        co_return;
    }
    for (int i = 0; i < 3 * loop::budget_of_turn; ++i) co_await yield();
}

task<> come_round() {
    if (scheduler::current().backend_name() == "sim") {
        co_await sleep_for(std::chrono::milliseconds(1));
        co_return;
    }
    for (int i = 0; i < loop::budget_of_turn; ++i) co_await yield();
}

handle_pair attached_pipe() { return attached(current_kernel().make_pipe().value()); }

handle_pair attached_socket_pair() {
    return attached(current_kernel().make_socket_pair(socket_kind::stream).value());
}

task<std::size_t> fill(io_handle& out) {
    std::size_t total = 0;
    task_scope scope;
    scope.spawn(write_for_ever(out, total));
    co_await settle();
    scope.request_stop();
    co_await scope.join();
    co_return total;
}

task<std::size_t> drain(io_handle& in) {
    std::size_t total = 0;
    task_scope scope;
    scope.spawn(read_for_ever(in, total));
    co_await settle();
    scope.request_stop();
    co_await scope.join();
    co_return total;
}

}  // namespace conduit::test
