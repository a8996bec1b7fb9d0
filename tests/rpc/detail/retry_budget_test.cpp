// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/retry_budget.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::retry_budget;

namespace {

constexpr clock::time_point start{1'000'000s};

int taken(retry_budget& budget, clock::time_point now) {
    int n = 0;
    while (budget.take(now)) ++n;
    return n;
}

}  // namespace

TEST_CASE("who calls seldom has ten retries a second, over ten seconds", "[rpc][retry_budget]") {
    retry_budget budget(20, 10);
    const int at_first = taken(budget, start);
    const bool soon = budget.take(start + 1s);
    REQUIRE(at_first >= 83);  // each is a call too, whose fifth it gives back
    REQUIRE(at_first <= 100);
    REQUIRE_FALSE(soon);
    REQUIRE(taken(budget, start + 10s) == at_first);
}

TEST_CASE("a fifth of many calls may be made again", "[rpc][retry_budget]") {
    retry_budget budget(20, 0);
    REQUIRE_FALSE(budget.take(start));
    for (int i = 0; i < 5; ++i) budget.note_call(start);
    REQUIRE(budget.retries_left(start) == 1);
    REQUIRE(budget.take(start));
    REQUIRE_FALSE(budget.take(start));
    for (int i = 0; i < 9; ++i) budget.note_call(start + 9s);
    REQUIRE(budget.take(start + 9s));
}

TEST_CASE("what calls have earned is gone after ten seconds, and so is what was taken",
          "[rpc][retry_budget]") {
    retry_budget budget(20, 1);
    for (int i = 0; i < 500; ++i) budget.note_call(start);
    REQUIRE(budget.retries_left(start + 9s) == 110);
    REQUIRE(budget.retries_left(start + 10s) == 10);
    const int all = taken(budget, start + 10s);
    REQUIRE(budget.retries_left(start + 19s) == 0);
    REQUIRE(budget.retries_left(start + 20s) == 10);
    REQUIRE(all >= 8);
    REQUIRE(budget.retries_left(start + 1'000'000s) == 10);
}

TEST_CASE("a storm of failing calls is made again for a fifth of it at most",
          "[rpc][retry_budget]") {
    retry_budget budget(20, 10);
    int calls = 0;
    int retries = 0;
    for (int ms = 0; ms < 60'000; ++ms) {
        const clock::time_point now = start + std::chrono::milliseconds(ms);
        budget.note_call(now);
        ++calls;
        while (budget.take(now)) {
            budget.note_call(now);
            ++retries;
        }
    }
    REQUIRE(retries <= calls / 5 + 10 * 60 + 100);
    REQUIRE(retries >= calls / 5);
}
