// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/run.hpp>

#include <conduit/runtime/timer.hpp>

#include <catch2/catch.hpp>

#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<int> answer() {
    co_await sleep_for(1ms);
    co_return 42;
}

task<> fail() {
    co_await sleep_for(1ms);
    throw std::runtime_error("from the program");
}

/// Gets a signal itself, and says how it ended.
task<std::string> last_words(int signal) {
    std::raise(signal);
    const std::error_code why = co_await sleep_for(1h);
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    std::string words = why.message();
    words += now.sa_handler == SIG_DFL ? ", default again" : ", still watched";
    co_return words;
}

}  // namespace

TEST_CASE("run yields what the program returned", "[runtime][run]") {
    REQUIRE(conduit::run(answer()) == 42);
}

TEST_CASE("run throws what the program threw", "[runtime][run]") {
    REQUIRE_THROWS_WITH(conduit::run(fail()), "from the program");
}

TEST_CASE("run_until_signal yields what the program returned", "[runtime][run]") {
    REQUIRE(run_until_signal(answer()) == 42);
    REQUIRE_THROWS_WITH(run_until_signal(fail()), "from the program");
}

TEST_CASE("run_until_signal asks the program to end", "[runtime][run]") {
    for (const int signal : {SIGINT, SIGTERM}) {
        REQUIRE(run_until_signal(last_words(signal)) == "cancelled, default again");
    }
}

TEST_CASE("run_until_signal needs the signals for itself", "[runtime][run]") {
    std::error_code code;
    auto twice = [](std::error_code& why) -> task<> {
        try {
            co_await stopped_by_signals(answer());
        } catch (const std::system_error& error) {
            why = error.code();
        }
    };
    run_until_signal(twice(code));
    REQUIRE(code == std::errc::device_or_resource_busy);
}
