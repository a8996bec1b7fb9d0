// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/fair_gate.hpp>

#include "../../support/co_test.hpp"
#include "../../support/settle.hpp"

#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::fair_gate;
using rpc::detail::queue_guard;
using rpc::detail::turn_queue;

namespace {

/// A call of one user, which says to the gate that it took so long.
task<> call(fair_gate& gate, turn_queue& turns, char name, std::string& begun,
            clock::duration takes) {
    if (!gate.is_open(turns)) {
        co_await gate.until_turn(turns, clock::now());
    }
    begun += name;
    gate.note_end(clock::now() + takes);
}

}  // namespace

CO_TEST_CASE("calls that take no time begin in the order in which they came", "[rpc][fair_gate]") {
    fair_gate gate(1h);
    turn_queue one;
    turn_queue other;
    std::string begun;
    for (int i = 0; i < 5; ++i) scope.spawn(call(gate, one, 'a', begun, 0ms));
    scope.spawn(call(gate, other, 'b', begun, 0ms));
    co_await scope.join();
    REQUIRE(begun.size() == 6);
    REQUIRE(std::ranges::count(begun, 'b') == 1);
}

CO_TEST_CASE("calls that take their time let another user go between", "[rpc][fair_gate]") {
    fair_gate gate(1ms);
    turn_queue one;
    turn_queue other;
    std::string begun;
    // The first call takes more than a slice, so the others wait for their turns.
    co_await call(gate, one, 'a', begun, 1h);
    for (int i = 0; i < 20; ++i) scope.spawn(call(gate, one, 'a', begun, 1h));
    for (int i = 0; i < 3; ++i) scope.spawn(call(gate, other, 'b', begun, 1h));
    co_await scope.join();
    REQUIRE(begun.size() == 24);
    // One of each user, as long as both have calls: the last of three is among the first seven. In
    // simulation they come to the gate at any time.
    if (scheduler::current().backend_name() == "sim") co_return;
    REQUIRE(std::ranges::count(begun.substr(1, 6), 'b') == 3);
}

CO_TEST_CASE("who is stopped or destroyed while it waits gives up its turn",
             "[rpc][fair_gate][cancel]") {
    fair_gate gate(1ms);
    auto one = std::make_unique<turn_queue>();
    turn_queue other;
    std::string begun;
    co_await call(gate, other, 'x', begun, 1h);
    auto stopped = scope.spawn(call(gate, *one, 's', begun, 0ms));
    {
        task_group destroyed;
        destroyed.spawn(call(gate, *one, 'd', begun, 0ms));
        co_await yield();
        stopped.request_stop();
    }
    co_await stopped;
    one.reset();
    scope.spawn(call(gate, other, 'y', begun, 0ms));
    co_await scope.join();
    REQUIRE(begun == "xsy");
}

CO_TEST_CASE("without a slice nobody waits", "[rpc][fair_gate]") {
    fair_gate gate(0ms);
    turn_queue one;
    std::string begun;
    co_await call(gate, one, 'a', begun, 1h);
    REQUIRE(gate.is_open(one));
}

CO_TEST_CASE("where the queue stands the newest call goes first, and old ones are let out",
             "[rpc][fair_gate][overload]") {
    queue_guard guard(1h);
    fair_gate gate(1ms, &guard);
    turn_queue one;
    std::string begun;
    const clock::time_point now = clock::now();
    guard.note(2h, now);
    guard.note(2h, now + 10h);  // all of an interval
    const auto waiting = [](fair_gate& at, turn_queue& turns, char name, std::string& into,
                            clock::time_point came) -> task<> {
        co_await at.until_turn(turns, came);
        into += name;
        at.note_end(clock::now() + 1h);  // longer than a slice: one at a time
    };
    scope.spawn(waiting(gate, one, 'x', begun, now - 3h));
    scope.spawn(waiting(gate, one, 'y', begun, now - 2h));
    scope.spawn(waiting(gate, one, 'a', begun, now - 50min));
    scope.spawn(waiting(gate, one, 'b', begun, now - 40min));
    scope.spawn(waiting(gate, one, 'c', begun, now - 35min));
    const bool stood = guard.stands(now);
    co_await scope.join();
    REQUIRE(stood);
    REQUIRE(begun.size() == 5);
    // In simulation what may go on does so in any order.
    if (scheduler::current().backend_name() != "sim") REQUIRE(begun == "xycba");
}
