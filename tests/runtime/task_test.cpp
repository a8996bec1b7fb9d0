// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/task.hpp>

#include "../support/co_test.hpp"
#include "../support/sanitized.hpp"

#include <conduit/runtime/yield.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace conduit;

static_assert(!std::is_copy_constructible_v<task<int>>);
static_assert(std::is_nothrow_move_constructible_v<task<int>>);

namespace {

task<int> one_bit(int i) { co_return i & 1; }

task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }

task<> mark(bool& ran) {
    ran = true;
    co_return;
}

task<> fail() {
    co_await yield();
    throw std::runtime_error("from below");
}

}  // namespace

CO_TEST_CASE("a task yields what it returned", "[runtime][task]") {
    auto box = co_await boxed(5);
    REQUIRE(*box == 5);
}

CO_TEST_CASE("a task does nothing before it is awaited", "[runtime][task]") {
    bool ran = false;
    auto later = mark(ran);
    co_await yield();
    REQUIRE_FALSE(ran);
    co_await std::move(later);
    REQUIRE(ran);
}

CO_TEST_CASE("what a task throws arrives where it is awaited", "[runtime][task]") {
    std::string what;
    try {
        co_await fail();
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    REQUIRE(what == "from below");
}

CO_TEST_CASE("a million awaits that complete at once need no stack", "[runtime][task]") {
    int odd = 0;
    constexpr int awaits = test::is_sanitized ? 100'000 : 1'000'000;
    for (int i = 0; i < awaits; ++i) {
        const int bit = co_await one_bit(i);
        odd += bit;
    }
    REQUIRE(odd == awaits / 2);
}
