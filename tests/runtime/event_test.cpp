// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/event.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>

#include <optional>
#include <system_error>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> await_event(event& awaited, int& passed) {
    co_await awaited.wait();
    ++passed;
}

task<std::error_code> code_of_wait(event& awaited) { co_return co_await awaited.wait(); }

task<> destroy_under_a_wait() {
    std::optional<event> short_lived(std::in_place);
    int passed = 0;
    task_scope scope;
    scope.spawn(await_event(*short_lived, passed));
    co_await test::settle();
    short_lived.reset();
}

task<> set_it(event& somewhere) {
    somewhere.set();
    co_return;
}

}  // namespace

CO_TEST_CASE("a wait for an event ends when it is set", "[runtime][event]") {
    event ready;
    int passed = 0;
    scope.spawn(await_event(ready, passed));
    scope.spawn(await_event(ready, passed));
    co_await test::settle();
    REQUIRE(passed == 0);
    ready.set();
    REQUIRE(passed == 0);  // nobody runs from inside set()
    co_await test::settle();
    REQUIRE(passed == 2);
    REQUIRE(ready.is_set());
}

CO_TEST_CASE("an event that is set is not waited for", "[runtime][event]") {
    event ready;
    ready.set();
    const std::error_code first = co_await ready.wait();
    const std::error_code second = co_await ready.wait();
    REQUIRE_FALSE(first);
    REQUIRE_FALSE(second);
}

CO_TEST_CASE("an event that was reset is waited for again", "[runtime][event]") {
    event ready;
    int passed = 0;
    ready.set();
    ready.reset();
    scope.spawn(await_event(ready, passed));
    co_await test::settle();
    REQUIRE(passed == 0);
    REQUIRE_FALSE(ready.is_set());
    ready.set();
    co_await scope.join();
    REQUIRE(passed == 1);
}

CO_TEST_CASE("who waited when an event was set has seen it despite a reset", "[runtime][event]") {
    event ready;
    int passed = 0;
    scope.spawn(await_event(ready, passed));
    co_await test::settle();
    ready.set();
    ready.reset();
    co_await scope.join();
    REQUIRE(passed == 1);
}

CO_TEST_CASE("a cancelled wait for an event says so", "[runtime][event][cancel]") {
    event never;
    auto waiting = scope.spawn(code_of_wait(never));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    waiting.request_stop();
    REQUIRE_FALSE(waiting.is_done());
    const std::error_code code = co_await waiting;
    REQUIRE(code == errc::cancelled);
}

CO_TEST_CASE("a wait for an event ends at its deadline", "[runtime][event][cancel]") {
    event never;
    const std::error_code code = co_await within(1ms, never.wait());
    REQUIRE(code == errc::timed_out);
}

CO_TEST_CASE("an event that came before a cancellation wins", "[runtime][event][cancel]") {
    event ready;
    auto waiting = scope.spawn(code_of_wait(ready));
    co_await test::settle();
    ready.set();
    waiting.request_stop();
    const std::error_code code = co_await waiting;
    REQUIRE_FALSE(code);
}

CO_TEST_CASE("a task may be destroyed while it waits for an event", "[runtime][event][cancel]") {
    event ready;
    int passed = 0;
    {
        task_group group;
        group.spawn(await_event(ready, passed));
        co_await test::settle();
    }
    ready.set();
    {
        task_group group;
        ready.reset();
        group.spawn(await_event(ready, passed));
        co_await test::settle();
        ready.set();  // now it is queued, and is destroyed before it runs
    }
    co_await test::settle();
    REQUIRE(passed == 0);
}

TEST_CASE("destroying an event under a wait is a bug that is named", "[runtime][event]") {
    const std::string said = test::stderr_of_death([] { run(destroy_under_a_wait()); });
    REQUIRE_THAT(said, Catch::Contains("an event was destroyed while a task waits for it"));
}

TEST_CASE("an event is used on one scheduler", "[runtime][event]") {
    const std::string said = test::stderr_of_death([] {
        event shared;
        scheduler one;
        scheduler two;
        one.run(set_it(shared));
        two.run(set_it(shared));
    });
    REQUIRE_THAT(said, Catch::Contains("is used on one scheduler only"));
}
