// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/yield.hpp>

#include "../support/co_test.hpp"

#include <vector>

using namespace conduit;

namespace {

task<> take_turns(int number, std::vector<int>& order) {
    for (int i = 0; i < 3; ++i) {
        order.push_back(number);
        co_await yield();
    }
}

}  // namespace

CO_TEST_CASE("yield lets others run", "[runtime][yield]") {
    bool ran = false;
    auto mark = [](bool& flag) -> task<> {
        flag = true;
        co_return;
    };
    scope.spawn(mark(ran));
    REQUIRE_FALSE(ran);
    while (!ran) co_await yield();
    co_await scope.join();
}

TEST_CASE("who yields comes back behind all that are ready", "[runtime][yield]") {
    std::vector<int> order;
    scheduler(scheduler_options().backend(backend_kind::epoll))
        .run([](std::vector<int>& turns) -> task<> {
            task_scope scope;
            scope.spawn(take_turns(1, turns));
            scope.spawn(take_turns(2, turns));
            co_await scope.join();
        }(order));
    REQUIRE(order == std::vector<int>{1, 2, 1, 2, 1, 2});
}

CO_TEST_CASE("yield goes on after a stop request", "[runtime][yield][cancel]") {
    scope.request_stop();
    int turns = 0;
    for (int i = 0; i < 500; ++i) {
        co_await yield();
        ++turns;
    }
    REQUIRE(turns == 500);
}
