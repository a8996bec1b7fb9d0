// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/run.hpp>

#include <conduit/runtime/timer.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>

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

}  // namespace

TEST_CASE("run yields what the program returned", "[runtime][run]") {
    REQUIRE(conduit::run(answer()) == 42);
}

TEST_CASE("run throws what the program threw", "[runtime][run]") {
    REQUIRE_THROWS_WITH(conduit::run(fail()), "from the program");
}
