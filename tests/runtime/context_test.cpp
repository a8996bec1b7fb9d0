// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/context.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <optional>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("each reason to stop has its error", "[runtime][context]") {
    REQUIRE(to_error_code(stop_reason::none) == std::error_code());
    REQUIRE(to_error_code(stop_reason::cancelled) == errc::cancelled);
    REQUIRE(to_error_code(stop_reason::timed_out) == errc::timed_out);
}

CO_TEST_CASE("a stop request reaches children and keeps its first reason", "[runtime][context]") {
    context outer;
    outer.attach(current_context());
    context inner;
    inner.attach(outer);
    REQUIRE_FALSE(inner.stop_requested());
    outer.request_stop(stop_reason::timed_out);
    outer.request_stop(stop_reason::cancelled);
    REQUIRE(inner.why_stopped() == stop_reason::timed_out);
    REQUIRE_FALSE(current_context().stop_requested());
    co_return;
}

CO_TEST_CASE("a context made under a stopped one is stopped", "[runtime][context]") {
    context outer;
    outer.attach(current_context());
    outer.request_stop();
    context now;
    now.attach(outer);
    context later;
    later.attach_lazily(outer, 1h, clock::time_point::max());
    REQUIRE(now.stop_requested());
    REQUIRE(later.stop_requested());
    co_return;
}

CO_TEST_CASE("a promised place costs no timer until it is asked for", "[runtime][context]") {
    const std::size_t timers_before = loop::running().timers.size();
    context lazy;
    lazy.attach_lazily(current_context(), 1h, clock::time_point::max());
    REQUIRE(loop::running().timers.size() == timers_before);
    const clock::time_point due = lazy.deadline();
    REQUIRE(loop::running().timers.size() == timers_before + 1);
    REQUIRE(due >= clock::now() + 59min);
    lazy.detach();
    REQUIRE(loop::running().timers.size() == timers_before);
    co_return;
}

CO_TEST_CASE("the parent's deadline counts where it is nearer", "[runtime][context]") {
    context outer;
    outer.attach_lazily(current_context(), 1h, clock::time_point::max());
    const clock::time_point due = outer.deadline();
    context inner;
    inner.attach_lazily(outer, 2h, clock::time_point::max());
    REQUIRE(inner.deadline() == due);
    co_return;
}

CO_TEST_CASE("a context that outlives its parent loses the parent's deadline, not its own",
             "[runtime][context]") {
    std::optional<context> hurried(std::in_place);
    hurried->attach_lazily(current_context(), 1ms, clock::time_point::max());
    hurried->settle();
    context group;
    group.attach(*hurried);
    context limited;
    limited.attach_lazily(group, 20ms, clock::time_point::max());
    limited.settle();
    hurried.reset();
    REQUIRE(group.deadline() == clock::time_point::max());
    co_await sleep_for(5ms);
    REQUIRE_FALSE(group.stop_requested());
    co_await sleep_for(30ms);
    REQUIRE_FALSE(group.stop_requested());
    REQUIRE(limited.why_stopped() == stop_reason::timed_out);
}

CO_TEST_CASE("a deadline stops the context when it passes", "[runtime][context]") {
    context limited;
    limited.attach_lazily(current_context(), 1ms, clock::time_point::max());
    limited.settle();
    REQUIRE_FALSE(limited.stop_requested());
    co_await sleep_for(2ms);
    REQUIRE(limited.why_stopped() == stop_reason::timed_out);
}

CO_TEST_CASE("a context that dies hands its children to its parent", "[runtime][context]") {
    context grandparent;
    grandparent.attach(current_context());
    std::optional<context> parent(std::in_place);
    parent->attach(grandparent);
    context child;
    child.attach(*parent);
    parent.reset();
    REQUIRE(child.parent() == &grandparent);
    grandparent.request_stop();
    REQUIRE(child.stop_requested());
    co_return;
}

CO_TEST_CASE("values are found by walking up", "[runtime][context]") {
    const int key = 0;
    const int other_key = 0;
    const int value = 5;
    context outer;
    outer.attach(current_context());
    outer.set_value(&key, &value);
    context inner;
    inner.attach(outer);
    REQUIRE(inner.find_value(&key) == &value);
    REQUIRE(inner.find_value(&other_key) == nullptr);
    co_return;
}

CO_TEST_CASE("stop_requested speaks of the running task", "[runtime][context]") {
    auto asked = []() -> task<bool> { co_return stop_requested(); };
    auto before = co_await asked();
    task_group group;
    group.request_stop();
    auto inside = group.spawn(asked());
    auto during = co_await inside;
    REQUIRE_FALSE(before);
    REQUIRE(during);
}
