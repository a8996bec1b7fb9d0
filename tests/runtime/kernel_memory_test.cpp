// SPDX-License-Identifier: BSL-1.0
//
// Faults planted on purpose: memory that is freed or touched while the kernel works on it. Only
// AddressSanitizer can see them; see the asan preset.

#include <conduit/runtime/backend/kernel_memory.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using Catch::Matchers::Contains;

namespace {

using heap_buffer = std::unique_ptr<std::byte[]>;
constexpr std::size_t bytes = 64;

#ifdef CONDUIT_ASAN
constexpr bool is_watched = true;
void abort_on_report() {
    __asan_set_death_callback([] { std::abort(); });
}
#else
constexpr bool is_watched = false;
void abort_on_report() {}
#endif

bool can_see_faults() {
    const auto& kernels = kernel_backends();
    const bool has_uring =
        std::find(kernels.begin(), kernels.end(), backend_kind::uring) != kernels.end();
    if (!is_watched) skip("only AddressSanitizer sees what happens to memory");
    if (is_watched && !has_uring) skip("io_uring cannot be had here");
    return is_watched && has_uring;
}

std::string report_of(void (*fault)()) { return stderr_of_death(fault); }

void run(task<> body) {
    abort_on_report();
    scheduler(scheduler_options().backend(backend_kind::uring)).run(std::move(body));
}

task<> read_into(io_handle& in, std::byte* memory) {
    auto got = co_await in.read_some(std::span(memory, bytes));
    static_cast<void>(got);
}

task<> write_from(io_handle& out, const std::byte* memory) {
    auto sent = co_await out.write_some(std::span(memory, bytes));
    static_cast<void>(sent);
}

task<> free_under_a_read() {
    handle_pair pair = attached_socket_pair();
    heap_buffer buffer(new std::byte[bytes]);
    task_group group;
    auto reading = group.spawn(read_into(pair.in, buffer.get()));
    co_await settle();
    buffer.reset();
    auto sent = co_await pair.out.write_some(bytes_of("too late"));
    static_cast<void>(sent);
    co_await reading;
}

task<> touch_under_a_read() {
    handle_pair pair = attached_socket_pair();
    heap_buffer buffer(new std::byte[bytes]);
    task_group group;
    auto reading = group.spawn(read_into(pair.in, buffer.get()));
    co_await settle();
    buffer[0] = std::byte(1);
    co_await reading;
}

task<> read_into_freed_memory() {
    handle_pair pair = attached_socket_pair();
    heap_buffer buffer(new std::byte[bytes]);
    std::byte* const dangling = buffer.get();
    auto first = co_await pair.out.write_some(bytes_of("x"));
    co_await read_into(pair.in, dangling);  // from now on the kernel is asked, not tried
    static_cast<void>(first);
    buffer.reset();
    co_await read_into(pair.in, dangling);
}

task<> read_and_write(handle_pair& pair, const std::byte* memory) {
    std::array<std::byte, 8> request{};
    auto got = co_await pair.in.read_some(request);
    static_cast<void>(got);
    co_await write_from(pair.in, memory);
}

task<> read_and_free(handle_pair& pair, heap_buffer& buffer) {
    std::array<std::byte, 8> request{};
    auto got = co_await pair.in.read_some(request);
    static_cast<void>(got);
    buffer.reset();
}

/// In a turn that many reads ended, so that the writes are submitted and not made at once.
task<> free_under_a_write() {
    heap_buffer buffer(new std::byte[bytes]());
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 20; ++i) pairs.push_back(attached_socket_pair());
    task_group group;
    for (int i = 0; i < 19; ++i) group.spawn(read_and_write(pairs[i], buffer.get()));
    group.spawn(read_and_free(pairs[19], buffer));
    co_await settle();
    for (handle_pair& pair : pairs) {
        auto sent = co_await pair.out.write_some(bytes_of("go"));
        static_cast<void>(sent);
    }
    co_await group.join();
}

task<> use_again_after_a_cancelled_read() {
    handle_pair pair = attached_socket_pair();
    heap_buffer buffer(new std::byte[bytes]);
    task_group group;
    auto reading = group.spawn(read_into(pair.in, buffer.get()));
    co_await settle();
    reading.request_stop();
    co_await reading;
    buffer[0] = std::byte(1);
    {
        task_group destroyed;
        destroyed.spawn(read_into(pair.in, buffer.get()));
        co_await settle();
    }
    buffer[0] = std::byte(2);
}

}  // namespace

TEST_CASE("a buffer freed while a read owns it is found", "[runtime][uring]") {
    if (!can_see_faults()) return;
    REQUIRE_THAT(report_of([] { run(free_under_a_read()); }),
                 Contains("a buffer was freed while an operation owned it"));
}

TEST_CASE("a buffer touched while a read owns it is found", "[runtime][uring]") {
    if (!can_see_faults()) return;
    REQUIRE_THAT(report_of([] { run(touch_under_a_read()); }), Contains("use-after-poison"));
}

TEST_CASE("a read into memory that was freed before is found", "[runtime][uring]") {
    if (!can_see_faults()) return;
    REQUIRE_THAT(report_of([] { run(read_into_freed_memory()); }),
                 Contains("an operation was given a buffer that is freed"));
}

TEST_CASE("a buffer freed while a write owns it is found", "[runtime][uring]") {
    if (!can_see_faults()) return;
    REQUIRE_THAT(report_of([] { run(free_under_a_write()); }),
                 Contains("a buffer was freed while an operation owned it"));
}

TEST_CASE("memory that came back from the kernel is the task's again", "[runtime][uring]") {
    run_on_each_kernel(use_again_after_a_cancelled_read);
}
