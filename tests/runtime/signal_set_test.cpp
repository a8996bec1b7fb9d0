// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/signal_set.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/within.hpp>

#include <csignal>
#include <system_error>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<int> next_of(signal_set& signals) {
    auto got = co_await signals.next();
    co_return got ? *got : -got.error().value();
}

bool is_default(int signal) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler == SIG_DFL;
}

}  // namespace

CO_TEST_CASE("a signal is yielded as its number", "[runtime][signal_set]") {
    auto signals = signal_set::open({SIGUSR1, SIGUSR2}).value();
    auto waiting = scope.spawn(next_of(signals));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    std::raise(SIGUSR2);
    auto first = co_await waiting;
    REQUIRE(first == SIGUSR2);
    std::raise(SIGUSR1);
    std::raise(SIGUSR2);
    std::raise(SIGUSR1);
    std::vector<int> kept;
    for (int i = 0; i < 3; ++i) {
        auto next = co_await signals.next();
        kept.push_back(next.value());
    }
    REQUIRE(kept == std::vector<int>{SIGUSR1, SIGUSR2, SIGUSR1});
}

CO_TEST_CASE("a signal is watched by one set at a time", "[runtime][signal_set]") {
    {
        auto signals = signal_set::open({SIGUSR1}).value();
        auto second = signal_set::open({SIGUSR2, SIGUSR1});
        REQUIRE(second.error() == std::errc::device_or_resource_busy);
        REQUIRE_FALSE(is_default(SIGUSR1));
        REQUIRE(is_default(SIGUSR2));
        auto never = signal_set::open({SIGKILL});
        REQUIRE(never.error() == std::errc::invalid_argument);
    }
    REQUIRE(is_default(SIGUSR1));
    auto again = signal_set::open({SIGUSR1});
    REQUIRE(again);
    co_return;
}

CO_TEST_CASE("a signal that is listed twice is watched once", "[runtime][signal_set]") {
    {
        auto signals = signal_set::open({SIGUSR1, SIGUSR1}).value();
        std::raise(SIGUSR1);
        auto got = co_await signals.next();
        auto again = co_await within(1ms, signals.next());
        REQUIRE(got.value() == SIGUSR1);
        REQUIRE(again.error() == errc::timed_out);
    }
    REQUIRE(is_default(SIGUSR1));
}

CO_TEST_CASE("a set that cannot be had leaves every signal as it was", "[runtime][signal_set]") {
    constexpr int kept_by_libc = 32;
    {
        auto signals = signal_set::open({SIGUSR1}).value();
    }
    auto refused = signal_set::open({SIGUSR1, kept_by_libc, SIGUSR2});
    auto empty = signal_set::open({});
    REQUIRE(refused.error() == std::errc::invalid_argument);
    REQUIRE(empty.error() == std::errc::invalid_argument);
    REQUIRE(is_default(SIGUSR1));
    REQUIRE(is_default(SIGUSR2));
    auto signals = signal_set::open({SIGUSR1, SIGUSR2});
    REQUIRE(signals);
    co_return;
}

CO_TEST_CASE("a cancelled wait loses no signal", "[runtime][signal_set][cancel]") {
    auto signals = signal_set::open({SIGUSR1}).value();
    auto late = co_await within(1ms, signals.next());
    REQUIRE(late.error() == errc::timed_out);
    auto waiting = scope.spawn(next_of(signals));
    co_await test::settle();
    waiting.request_stop();
    co_await waiting;
    std::raise(SIGUSR1);
    auto got = co_await signals.next();
    REQUIRE(got.value() == SIGUSR1);
}

CO_TEST_CASE("a task may be destroyed while it waits for a signal",
             "[runtime][signal_set][cancel]") {
    auto signals = signal_set::open({SIGUSR1}).value();
    {
        task_group group;
        group.spawn(next_of(signals));
        co_await test::settle();
    }
    std::raise(SIGUSR1);
    auto got = co_await signals.next();
    REQUIRE(got.value() == SIGUSR1);
}
