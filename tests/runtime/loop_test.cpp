// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/loop.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/yield.hpp>

using namespace conduit;

namespace {

task<> nothing() { co_return; }

task<> await_many(int times, int& done) {
    for (int i = 0; i < times; ++i) {
        co_await nothing();
        ++done;
    }
}

}  // namespace

TEST_CASE("a thread without a scheduler has no loop", "[runtime][loop]") {
    REQUIRE(loop::current == nullptr);
}

CO_TEST_CASE("the running loop knows its scheduler and its context", "[runtime][loop]") {
    REQUIRE(&loop::running() == loop::current);
    REQUIRE(loop::running().owner == &scheduler::current());
    REQUIRE(loop::running().context == &scope.group_context());
    co_return;
}

TEST_CASE("a task steps back when its budget is spent", "[runtime][loop]") {
    auto body = []() -> task<> {
        int done = 0;
        task_scope inner;
        inner.spawn(await_many(1000, done));
        co_await yield();
        REQUIRE(done > 0);
        REQUIRE(done <= loop::budget_of_turn);
        co_await inner.join();
        REQUIRE(done == 1000);
    };
    scheduler(scheduler_options().backend(backend_kind::epoll)).run(body());
}
