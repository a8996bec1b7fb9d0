// SPDX-License-Identifier: BSL-1.0
//
// Something in the middle goes wrong: the n-th operation, the n-th allocation, the last descriptor.
// Each has one clear outcome and leaves nothing behind.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/fault_backend.hpp"
#include "../support/loopback.hpp"
#include "../support/rlimit.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

stream<std::size_t> parts(io_handle& in) {
    std::array<std::byte, 16> buffer{};
    for (;;) {
        auto got = co_await within(1h, in.read_some(buffer));
        if (got.value() == 0) co_return;
        co_yield *got;
    }
}

task<> produce(io_handle out, int times) {
    io_handle mine = std::move(out);
    for (int i = 0; i < times; ++i) {
        auto written = co_await mine.write_some(bytes_of("some bytes"));
        written.value();
        if (i % 3 == 0) co_await sleep_for(10us);
    }
}

task<> idle_until_stopped() {
    const std::error_code ended = co_await sleep_for(1h);
    if (ended) throw std::system_error(ended);
}

/// Tasks, a scope, a stream, timers and operations together; throws what goes wrong in any.
task<std::size_t> scenario() {
    handle_pair pair = attached_pipe();
    task_scope scope;
    scope.spawn(produce(std::move(pair.out), 20));
    auto idle = scope.spawn(idle_until_stopped());
    std::size_t total = 0;
    auto all = parts(pair.in);
    while (auto n = co_await all.next()) total += *n;
    idle.request_stop();
    try {
        co_await idle;
    } catch (const std::system_error& error) {
        if (error.code() != errc::cancelled) throw;
    }
    try {
        co_await scope.join();
    } catch (const std::system_error& error) {
        if (error.code() != errc::cancelled) throw;
    }
    co_return total;
}

/// What the kernel does ahead: buffers filled and connections accepted before anyone asks.
task<std::size_t> scenario_of_things_ahead() {
    auto [socket, address] = listen_on_loopback(8);
    auto listener = io_handle::attach(std::move(socket)).value();
    std::vector<io_handle> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(attached_tcp_socket());
        auto connected = co_await clients.back().connect(address);
        connected.value();
    }
    std::size_t total = 0;
    for (io_handle& client : clients) {
        auto peer = co_await listener.accept_many();
        auto in = io_handle::attach(std::move(peer.value())).value();
        task_scope scope;
        scope.spawn(produce(std::move(client), 5));
        for (;;) {
            auto got = co_await in.receive_lent();
            if (got.value().empty()) break;
            total += got->bytes().size();
        }
        co_await scope.join();
    }
    co_return total;
}

/// Whether an error stands for an allocation that failed elsewhere.
bool says_no_memory(const std::error_code& error) {
    return error == errc::cancelled ||  // a sibling's bad_alloc stopped it
           error == std::errc::not_enough_memory || error == std::errc::too_many_files_open;
}

/// Runs a scenario whose n-th allocation fails; false when it has not so many.
bool survive_failing_allocation(backend_kind kernel, task<std::size_t> (*body)(), long nth) {
    const int descriptors = open_descriptors();
    const std::int64_t frames = frame_pool::of_thread().live();
    frame_pool::of_thread().trim();
    const long allocations = live_allocations();
    std::size_t total = 0;
    bool reached = false;
    std::error_code refused;
    {
        const failing_allocation fault(nth);
        try {
            scheduler sched(scheduler_options().backend(kernel));
            total = sched.run(body());
        } catch (const std::bad_alloc&) {
        } catch (const std::system_error& error) {
            refused = error.code();
        }
        reached = failing_allocation::was_reached();
    }
    if (refused) REQUIRE(says_no_memory(refused));
    if (!reached) REQUIRE(total == 200);
    REQUIRE(open_descriptors() == descriptors);
    REQUIRE(frame_pool::of_thread().live() == frames);
    REQUIRE(live_allocations() == allocations);
    return reached;
}

}  // namespace

TEST_CASE("when the n-th operation fails, the error arrives and nothing is left",
          "[runtime][fault]") {
    bool reached = true;
    int nth = 0;
    while (reached) {
        fault_plan plan(++nth, EIO);
        const int descriptors = open_descriptors();
        const std::int64_t frames = frame_pool::of_thread().live();
        std::error_code outcome;
        std::size_t total = 0;
        {
            scheduler sched(make_fault_backend(plan), scheduler_options());
            try {
                total = sched.run(scenario());
            } catch (const std::system_error& error) {
                outcome = error.code();
            }
            REQUIRE(sched.counters().tasks_live.value() == 0);
        }
        reached = plan.was_reached();
        CAPTURE(nth);
        if (reached) {
            // The task whose operation failed says so, unless its sibling's end was felt first.
            REQUIRE((outcome == std::errc::io_error || outcome == errc::cancelled));
        } else {
            REQUIRE(outcome == std::error_code());
            REQUIRE(total == 200);
        }
        REQUIRE(open_descriptors() == descriptors);
        REQUIRE(frame_pool::of_thread().live() == frames);
    }
    REQUIRE(nth > 20);
}

TEST_CASE("X12: when the n-th allocation fails, bad_alloc arrives and nothing is left",
          "[runtime][fault][X12]") {
    if (!failing_allocation::is_possible()) return skip("operator new cannot be replaced here");
    for (const backend_kind kernel : kernel_backends()) {
        for (const auto body : {&scenario, &scenario_of_things_ahead}) {
            DYNAMIC_SECTION("on kernel " << static_cast<int>(kernel) << ", "
                                         << (body == &scenario ? "tasks" : "things ahead")) {
                long nth = 1;
                while (survive_failing_allocation(kernel, body, nth)) ++nth;
                REQUIRE(nth > 15);
                ran();
            }
        }
    }
}

TEST_CASE("without a descriptor left, making says so and what is open goes on",
          "[runtime][fault]") {
    auto body = []() -> task<> {
        handle_pair pair = attached_pipe();
        std::error_code refused;
        std::error_code not_opened;
        {
            const no_more_descriptors limit;
            refused = current_kernel().make_pipe().error();
            auto opened = co_await open_file("/dev/null", open_mode::read);
            not_opened = opened.error();
        }
        auto written = co_await pair.out.write_some(bytes_of("x"));
        std::array<std::byte, 8> buffer{};
        auto got = co_await pair.in.read_some(buffer);
        REQUIRE(refused == std::errc::too_many_files_open);
        REQUIRE(not_opened == std::errc::too_many_files_open);
        REQUIRE(written);
        REQUIRE(got.value() == 1);
    };
    run_on_each_kernel(body);
}

TEST_CASE("an accept without a descriptor left fails, and succeeds later", "[runtime][fault]") {
    auto body = []() -> task<> {
        auto [socket, address] = listen_on_loopback(4);
        auto listener = io_handle::attach(std::move(socket)).value();
        auto client = attached_tcp_socket();
        auto connected = co_await client.connect(address);
        std::error_code refused;
        {
            const no_more_descriptors limit;
            auto peer = co_await listener.accept();
            refused = peer.error();
        }
        auto peer = co_await listener.accept();
        REQUIRE(connected);
        REQUIRE(refused == std::errc::too_many_files_open);
        REQUIRE(peer);
    };
    run_on_each_kernel(body);
}

TEST_CASE("a scheduler that cannot have a descriptor says which and why", "[runtime][fault]") {
    std::exception_ptr failure;  // looked at later: sanitizers need descriptors themselves
    {
        const no_more_descriptors limit;
        try {
            scheduler sched(scheduler_options().backend(backend_kind::epoll));
        } catch (...) {
            failure = std::current_exception();
        }
    }
    REQUIRE(failure);
    REQUIRE_THROWS_WITH(std::rethrow_exception(failure),
                        Catch::Matchers::Contains("backend epoll: epoll_create1"));
}

TEST_CASE("a simulated process can run out of handles too", "[runtime][fault][sim]") {
    auto body = []() -> task<> {
        std::vector<unique_fd> kept;
        std::error_code refused;
        while (!refused) {
            auto ends = current_kernel().make_pipe();
            refused = ends.error();
            if (!ends) break;
            kept.push_back(std::move(ends->first));
            kept.push_back(std::move(ends->second));
        }
        REQUIRE(refused == std::errc::too_many_files_open);
        REQUIRE(kept.size() == 4096);
        co_return;
    };
    scheduler(scheduler_options().backend(backend_kind::sim)).run(body());
}
