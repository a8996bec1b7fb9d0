// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/accept_counters.hpp>

#include "../support/co_test.hpp"
#include "../support/loopback.hpp"
#include "../support/rlimit.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/detail/acceptor.hpp>
#include <conduit/channels/detail/back_off.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>

#include <cstdint>
#include <optional>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// Waits for `times` back-offs; yields how often it looked.
task<std::uint64_t> see_back_offs(const accept_counters& counts, std::uint64_t times) {
    std::uint64_t looks = 0;
    for (; counts.backed_off < times; ++looks) co_await sleep_for(5ms);
    co_return looks;
}

task<> u17_on_loopback() {
    auto listening = test::listen_on_loopback(4);
    auto listener = io_handle::attach(std::move(listening.socket)).value();
    auto client = test::attached_tcp_socket();
    auto connected = co_await client.connect(listening.address);
    accept_counters counts;
    task_scope scope;
    std::optional<test::no_more_descriptors> limit(std::in_place);
    auto accepting = scope.spawn(accept_patiently(listener, counts));
    const conduit::counters& here = scheduler::current().counters();
    const std::uint64_t calls_before = here.system_calls.value();
    const std::uint64_t looks = co_await see_back_offs(counts, 3);
    const std::uint64_t calls = here.system_calls.value() - calls_before;
    const bool accepted_early = accepting.is_done();
    limit.reset();
    auto peer = co_await accepting;
    co_await scope.join();
    REQUIRE(connected);
    REQUIRE_FALSE(accepted_early);
    REQUIRE(peer);
    REQUIRE(counts.accepted == 1);
    REQUIRE(counts.backed_off >= 3);
    // One poll for each look, and a few calls for each try. A spin makes 100,000 in that time.
    REQUIRE(calls <= 3 * looks + 8 * counts.backed_off);
}

}  // namespace

TEST_CASE("U17: accepting without a descriptor left backs off, and goes on when there is one",
          "[channels][acceptor][fault][U17]") {
    test::run_on_each_kernel(u17_on_loopback);
}

CO_TEST_CASE("an accept that waits ends when its listener is closed", "[channels][acceptor]") {
    auto listening = test::listen_on_loopback(4);
    auto listener = io_handle::attach(std::move(listening.socket)).value();
    accept_counters counts;
    auto accepting = scope.spawn(accept_patiently(listener, counts));
    co_await test::settle();
    const bool done_before = accepting.is_done();
    listener.close();
    auto ended = co_await accepting;
    auto again = co_await accept_patiently(listener, counts);
    REQUIRE_FALSE(done_before);
    REQUIRE(ended.error() == errc::cancelled);
    REQUIRE(again.error() == std::errc::bad_file_descriptor);
    REQUIRE(counts.accepted == 0);
}

TEST_CASE("a back-off that is stopped ends at once", "[channels][acceptor][cancel]") {
    test::run_on_each_kernel([]() -> task<> {
        auto listening = test::listen_on_loopback(4);
        auto listener = io_handle::attach(std::move(listening.socket)).value();
        auto client = test::attached_tcp_socket();
        auto connected = co_await client.connect(listening.address);
        accept_counters counts;
        std::error_code ended;
        {
            task_scope scope;
            std::optional<test::no_more_descriptors> limit(std::in_place);
            auto accepting = scope.spawn(accept_patiently(listener, counts));
            co_await see_back_offs(counts, 1);
            accepting.request_stop();
            auto nothing = co_await accepting;
            ended = nothing.error();
            limit.reset();
            co_await scope.join();
        }
        auto peer = co_await accept_patiently(listener, counts);
        REQUIRE(connected);
        REQUIRE(ended == errc::cancelled);
        REQUIRE(peer);
    });
}

CO_TEST_CASE("what is no listener is reported rather than asked again", "[channels][acceptor]") {
    auto socket = test::attached_tcp_socket();
    accept_counters counts;
    auto ended = co_await accept_patiently(socket, counts);
    REQUIRE(ended.error() == std::errc::invalid_argument);
    REQUIRE(counts.backed_off == 0);
}

CO_TEST_CASE("each back-off lies between its limits, and they grow", "[channels][acceptor]") {
    back_off pause(50ms, 200ms);
    for (int i = 0; i < 100; ++i) {
        const clock::duration first = pause.next();
        const clock::duration second = pause.next();
        const clock::duration third = pause.next();
        pause.reset();
        REQUIRE(first >= 50ms);
        REQUIRE(first <= 100ms);
        REQUIRE(second >= 50ms);
        REQUIRE(second <= 200ms);
        REQUIRE(third <= 200ms);
    }
    co_return;
}
