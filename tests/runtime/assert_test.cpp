// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>

#include "../support/dies.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace {

void check(int n) { CONDUIT_ASSERT(n > 0, "a number of things is positive"); }

}  // namespace

TEST_CASE("an assertion that holds does nothing", "[runtime][assert]") {
    int evaluated = 0;
    CONDUIT_ASSERT(++evaluated == 1, "a condition is evaluated once");
    check(1);
    REQUIRE(evaluated == 1);
}

TEST_CASE("an assertion that fails says where and what, and aborts", "[runtime][assert]") {
    const std::string said = conduit::test::stderr_of_death([] { check(0); });
    REQUIRE_THAT(said, Catch::Contains("assert_test.cpp:12: conduit: a number of things is"));
}
