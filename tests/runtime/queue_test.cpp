// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/queue.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using box = std::unique_ptr<int>;

task<std::error_code> push_one(queue<box>& to, int value) {
    auto pushed = co_await to.push(std::make_unique<int>(value));
    co_return pushed.error();
}

task<std::error_code> pop_one(queue<box>& from, std::vector<int>& got) {
    auto popped = co_await from.pop();
    if (popped) got.push_back(**popped);
    co_return popped.error();
}

task<> push_range(queue<int>& to, int from, int end) {
    for (int i = from; i < end; ++i) {
        auto pushed = co_await to.push(i);
        if (!pushed) co_return;
    }
}

task<> pop_all(queue<int>& from, std::vector<int>& got) {
    for (;;) {
        auto next = co_await from.pop();
        if (!next) co_return;
        got.push_back(*next);
        if (*next % 3 == 0) co_await yield();
    }
}

task<> close_when_done(task_group& producers, queue<int>& q) {
    co_await producers.join();
    q.close();
}

task<> destroy_under_a_wait() {
    auto short_lived = std::make_unique<queue<box>>(1);
    std::vector<int> got;
    task_scope scope;
    scope.spawn(pop_one(*short_lived, got));
    co_await test::settle();
    short_lived.reset();
}

}  // namespace

CO_TEST_CASE("a queue hands over values in order", "[runtime][queue]") {
    queue<box> q(8);
    for (int i = 0; i < 5; ++i) {
        auto pushed = co_await q.push(std::make_unique<int>(i));
        REQUIRE(pushed);
    }
    REQUIRE(q.size() == 5);
    for (int i = 0; i < 5; ++i) {
        auto popped = co_await q.pop();
        REQUIRE(**popped == i);
    }
    REQUIRE(q.size() == 0);
}

CO_TEST_CASE("a push waits while there is no room", "[runtime][queue]") {
    queue<box> q(1);
    std::vector<int> got;
    auto first = co_await q.push(std::make_unique<int>(1));
    REQUIRE(first);
    auto second = scope.spawn(push_one(q, 2));
    co_await test::settle();
    REQUIRE_FALSE(second.is_done());
    REQUIRE(q.size() == 1);
    auto popped = co_await q.pop();
    REQUIRE(**popped == 1);
    const std::error_code code = co_await second;
    REQUIRE_FALSE(code);
    co_await pop_one(q, got);
    REQUIRE(got == std::vector<int>{2});
}

CO_TEST_CASE("pushes that wait come in the order they began", "[runtime][queue]") {
    queue<box> q(1);
    std::vector<int> got;
    for (int i = 0; i < 5; ++i) {
        scope.spawn(push_one(q, i));
        co_await test::settle();
    }
    for (int i = 0; i < 5; ++i) co_await pop_one(q, got);
    REQUIRE(got == std::vector<int>{0, 1, 2, 3, 4});
}

CO_TEST_CASE("pops that wait are served in the order they began", "[runtime][queue]") {
    queue<box> q(4);
    std::vector<int> got;
    auto first = scope.spawn(pop_one(q, got));
    co_await test::settle();
    auto second = scope.spawn(pop_one(q, got));
    co_await test::settle();
    co_await push_one(q, 1);
    co_await test::settle();
    REQUIRE(first.is_done());
    REQUIRE_FALSE(second.is_done());
    co_await push_one(q, 2);
    co_await scope.join();
    REQUIRE(got == std::vector<int>{1, 2});
}

CO_TEST_CASE("many producers and consumers lose nothing", "[runtime][queue]") {
    queue<int> q(3);
    std::vector<int> got;
    task_group producers;
    for (int i = 0; i < 4; ++i) producers.spawn(push_range(q, i * 250, (i + 1) * 250));
    for (int i = 0; i < 3; ++i) scope.spawn(pop_all(q, got));
    scope.spawn(close_when_done(producers, q));
    co_await scope.join();
    std::sort(got.begin(), got.end());
    REQUIRE(got.size() == 1000);
    for (int i = 0; i < 1000; ++i) REQUIRE(got[static_cast<std::size_t>(i)] == i);
}

CO_TEST_CASE("a closed queue is drained, then says so", "[runtime][queue]") {
    queue<box> q(1);
    std::vector<int> got;
    co_await push_one(q, 1);
    auto waiting = scope.spawn(push_one(q, 2));
    co_await test::settle();
    q.close();
    q.close();
    const std::error_code refused = co_await waiting;
    const std::error_code late = co_await push_one(q, 3);
    const std::error_code last = co_await pop_one(q, got);
    const std::error_code after = co_await pop_one(q, got);
    REQUIRE(refused == errc::closed);
    REQUIRE(late == errc::closed);
    REQUIRE_FALSE(q.try_push(nullptr));
    REQUIRE_FALSE(last);
    REQUIRE(after == errc::closed);
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("closing a queue ends the pops that wait", "[runtime][queue]") {
    queue<box> q(1);
    std::vector<int> got;
    auto waiting = scope.spawn(pop_one(q, got));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    q.close();
    const std::error_code code = co_await waiting;
    REQUIRE(code == errc::closed);
}

CO_TEST_CASE("try_push and try_pop never wait", "[runtime][queue]") {
    queue<box> q(1);
    REQUIRE_FALSE(q.try_pop());
    auto one = std::make_unique<int>(1);
    auto two = std::make_unique<int>(2);
    REQUIRE(q.try_push(std::move(one)));
    REQUIRE_FALSE(q.try_push(std::move(two)));
    REQUIRE(*two == 2);  // still its owner's
    auto got = q.try_pop();
    REQUIRE(**got == 1);
    co_return;
}

CO_TEST_CASE("try_pop does not overtake a pop that waits", "[runtime][queue]") {
    queue<box> q(2);
    std::vector<int> got;
    auto waiting = scope.spawn(pop_one(q, got));
    co_await test::settle();
    REQUIRE(q.try_push(std::make_unique<int>(1)));
    REQUIRE_FALSE(q.try_pop());
    co_await waiting;
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("a cancelled push gives its value back", "[runtime][queue][cancel]") {
    queue<box> q(1);
    std::vector<int> got;
    co_await push_one(q, 1);
    auto push = q.push(std::make_unique<int>(2));
    auto pushed = co_await within(1ms, push);
    REQUIRE(pushed.error() == errc::timed_out);
    box back = push.take_back();
    REQUIRE(*back == 2);
    co_await pop_one(q, got);
    REQUIRE(q.size() == 0);
}

CO_TEST_CASE("a cancelled pop takes nothing", "[runtime][queue][cancel]") {
    queue<box> q(1);
    std::vector<int> got;
    auto waiting = scope.spawn(pop_one(q, got));
    co_await test::settle();
    waiting.request_stop();
    const std::error_code code = co_await waiting;
    REQUIRE(code == errc::cancelled);
    co_await push_one(q, 1);
    co_await pop_one(q, got);
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("an item that came before a cancellation wins", "[runtime][queue][cancel]") {
    queue<box> q(1);
    std::vector<int> got;
    auto waiting = scope.spawn(pop_one(q, got));
    co_await test::settle();
    REQUIRE(q.try_push(std::make_unique<int>(1)));
    waiting.request_stop();
    const std::error_code code = co_await waiting;
    REQUIRE_FALSE(code);
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("tasks may be destroyed while they wait at a queue", "[runtime][queue][cancel]") {
    queue<box> q(1);
    std::vector<int> got;
    {
        task_group group;
        group.spawn(pop_one(q, got));
        co_await test::settle();
    }
    co_await push_one(q, 1);
    {
        task_group group;
        group.spawn(push_one(q, 2));
        co_await test::settle();
    }
    co_await pop_one(q, got);
    REQUIRE(q.size() == 0);
    REQUIRE(got == std::vector<int>{1});
}

CO_TEST_CASE("an item promised to a pop that is destroyed goes to the next",
             "[runtime][queue][cancel]") {
    queue<box> q(4);
    std::vector<int> lost;
    std::vector<int> got;
    {
        task_group group;
        group.spawn(pop_one(q, lost));
        co_await test::settle();
        scope.spawn(pop_one(q, got));
        co_await test::settle();
        REQUIRE(q.try_push(std::make_unique<int>(1)));  // for the first, which never runs again
    }
    REQUIRE(q.try_push(std::make_unique<int>(2)));
    co_await scope.join();
    REQUIRE(lost.empty());
    REQUIRE(got == std::vector<int>{1});
    auto rest = q.try_pop();
    REQUIRE(**rest == 2);
}

CO_TEST_CASE("an item promised to a pop that is destroyed stays in front",
             "[runtime][queue][cancel]") {
    queue<box> q(4);
    std::vector<int> got;
    {
        task_group group;
        group.spawn(pop_one(q, got));
        co_await test::settle();
        REQUIRE(q.try_push(std::make_unique<int>(1)));
        REQUIRE(q.try_push(std::make_unique<int>(2)));
    }
    co_await pop_one(q, got);
    co_await pop_one(q, got);
    REQUIRE(got == std::vector<int>{1, 2});
}

CO_TEST_CASE("a push that was taken in stays in when its task is destroyed",
             "[runtime][queue][cancel]") {
    queue<box> q(1);
    std::vector<int> got;
    co_await push_one(q, 1);
    {
        task_group group;
        group.spawn(push_one(q, 2));
        co_await test::settle();
        co_await pop_one(q, got);
    }
    co_await pop_one(q, got);
    REQUIRE(got == std::vector<int>{1, 2});
}

TEST_CASE("destroying a queue under a wait is a bug that is named", "[runtime][queue]") {
    const std::string said = test::stderr_of_death([] { run(destroy_under_a_wait()); });
    REQUIRE_THAT(said, Catch::Contains("a queue was destroyed while a task waits at it"));
}
