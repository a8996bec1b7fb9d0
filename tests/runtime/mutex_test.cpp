// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/mutex.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <memory>
#include <optional>
#include <system_error>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<std::error_code> note_turn(mutex& m, std::vector<int>& order, int number) {
    auto held = co_await m.lock();
    if (!held) co_return held.error();
    order.push_back(number);
    co_await yield();
    co_return std::error_code();
}

task<> hold_until(mutex& m, event& enough) {
    auto held = co_await m.lock();
    co_await enough.wait();
}

task<> add_across_waits(mutex& m, int& sum, int times) {
    for (int i = 0; i < times; ++i) {
        auto held = co_await m.lock();
        const int before = sum;
        co_await yield();
        sum = before + 1;
    }
}

task<> destroy_while_held() {
    auto m = std::make_unique<mutex>();
    auto held = co_await m->lock();
    m.reset();
}

}  // namespace

CO_TEST_CASE("one task at a time holds a mutex, across its waits", "[runtime][mutex]") {
    mutex m;
    int sum = 0;
    for (int i = 0; i < 10; ++i) scope.spawn(add_across_waits(m, sum, 100));
    co_await scope.join();
    REQUIRE(sum == 1000);
    REQUIRE_FALSE(m.is_locked());
}

CO_TEST_CASE("a mutex is handed on in the order it was asked for", "[runtime][mutex]") {
    mutex m;
    std::vector<int> order;
    auto held = co_await m.lock();
    for (int i = 0; i < 5; ++i) {
        scope.spawn(note_turn(m, order, i));
        co_await test::settle();
    }
    REQUIRE(order.empty());
    held->unlock();
    REQUIRE(m.is_locked());  // by the first in line, so that nobody comes in between
    REQUIRE_FALSE(m.try_lock());
    co_await scope.join();
    REQUIRE(order == std::vector<int>{0, 1, 2, 3, 4});
}

CO_TEST_CASE("try_lock takes a mutex that nobody holds", "[runtime][mutex]") {
    mutex m;
    {
        auto held = m.try_lock();
        REQUIRE(held);
        REQUIRE_FALSE(m.try_lock());
        scoped_lock moved = std::move(*held);
        held.reset();
        REQUIRE(m.is_locked());
    }
    REQUIRE_FALSE(m.is_locked());
    auto again = co_await m.lock();
    REQUIRE(again);
}

CO_TEST_CASE("a cancelled wait leaves a mutex's queue", "[runtime][mutex][cancel]") {
    mutex m;
    std::vector<int> order;
    auto held = co_await m.lock();
    auto first = scope.spawn(note_turn(m, order, 1));
    co_await test::settle();
    auto second = scope.spawn(note_turn(m, order, 2));
    co_await test::settle();
    first.request_stop();
    const std::error_code code = co_await first;
    REQUIRE(code == errc::cancelled);
    const std::error_code late = co_await within(1ms, note_turn(m, order, 3));
    REQUIRE(late == errc::timed_out);
    held->unlock();
    co_await second;
    REQUIRE(order == std::vector<int>{2});
    REQUIRE_FALSE(m.is_locked());
}

CO_TEST_CASE("a mutex passes on when who waits is destroyed", "[runtime][mutex][cancel]") {
    mutex m;
    std::vector<int> order;
    auto held = co_await m.lock();
    {
        task_group group;
        group.spawn(note_turn(m, order, 1));
        co_await test::settle();
    }
    {
        task_group group;
        group.spawn(note_turn(m, order, 2));
        co_await test::settle();
        scope.spawn(note_turn(m, order, 3));
        co_await test::settle();
        held->unlock();  // 2 has the lock now, and is destroyed before it runs
        REQUIRE(m.is_locked());
    }
    co_await scope.join();
    REQUIRE(order == std::vector<int>{3});
    REQUIRE_FALSE(m.is_locked());
}

CO_TEST_CASE("a holder that is destroyed gives its mutex up", "[runtime][mutex][cancel]") {
    mutex m;
    event never;
    {
        task_group group;
        group.spawn(hold_until(m, never));
        co_await test::settle();
        REQUIRE(m.is_locked());
    }
    REQUIRE_FALSE(m.is_locked());
}

TEST_CASE("destroying a mutex that is held is a bug that is named", "[runtime][mutex]") {
    const std::string said = test::stderr_of_death([] { run(destroy_while_held()); });
    REQUIRE_THAT(said, Catch::Contains("a mutex was destroyed while a task holds it"));
}
