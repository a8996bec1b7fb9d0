// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/as_task.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <memory>
#include <system_error>
#include <type_traits>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }

task<> nothing() { co_return; }

}  // namespace

static_assert(std::is_same_v<awaited_value<task<int>>, int>);
static_assert(std::is_same_v<awaited_value<sleep_operation>, std::error_code>);
static_assert(std::is_void_v<awaited_value<task<>>>);

CO_TEST_CASE("a task stays the task it is", "[runtime][as_task]") {
    auto same = as_task(boxed(4));
    auto box = co_await std::move(same);
    REQUIRE(*box == 4);
    co_await as_task(nothing());
}

CO_TEST_CASE("an operation can be spawned as a task", "[runtime][as_task]") {
    event ready;
    auto waiting = scope.spawn(as_task(ready.wait()));
    event never;
    auto expiring = scope.spawn(as_task(within(1ms, never.wait())));
    ready.set();
    const std::error_code first = co_await waiting;
    const std::error_code second = co_await expiring;
    REQUIRE_FALSE(first);
    REQUIRE(second == errc::timed_out);
}

CO_TEST_CASE("a task of an lvalue awaits it where it is", "[runtime][as_task]") {
    event ready;
    auto wait = ready.wait();
    auto waiting = scope.spawn(as_task(wait));
    ready.set();
    const std::error_code code = co_await waiting;
    REQUIRE_FALSE(code);
}
