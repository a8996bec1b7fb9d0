// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/semaphore.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <memory>
#include <system_error>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> work(semaphore& limit, int& inside, int& most) {
    for (int i = 0; i < 50; ++i) {
        auto permitted = co_await limit.acquire();
        if (!permitted) co_return;
        most = std::max(most, ++inside);
        co_await yield();
        --inside;
        limit.release();
    }
}

task<std::error_code> take(semaphore& from, std::size_t n, std::vector<std::size_t>& order) {
    auto permitted = co_await from.acquire(n);
    if (!permitted) co_return permitted.error();
    order.push_back(n);
    co_return std::error_code();
}

task<> destroy_under_a_wait() {
    auto short_lived = std::make_unique<semaphore>(0);
    std::vector<std::size_t> order;
    task_scope scope;
    scope.spawn(take(*short_lived, 1, order));
    co_await test::settle();
    short_lived.reset();
}

}  // namespace

CO_TEST_CASE("a semaphore lets in as many as it has permits", "[runtime][semaphore]") {
    semaphore limit(3);
    int inside = 0;
    int most = 0;
    for (int i = 0; i < 10; ++i) scope.spawn(work(limit, inside, most));
    co_await scope.join();
    REQUIRE(most == 3);
    REQUIRE(inside == 0);
    REQUIRE(limit.available() == 3);
}

CO_TEST_CASE("a wait for many permits is not overtaken by one for few", "[runtime][semaphore]") {
    semaphore permits(1);
    std::vector<std::size_t> order;
    scope.spawn(take(permits, 3, order));
    co_await test::settle();
    scope.spawn(take(permits, 1, order));
    co_await test::settle();
    REQUIRE(order.empty());
    REQUIRE_FALSE(permits.try_acquire());
    permits.release(1);
    co_await test::settle();
    REQUIRE(order.empty());
    permits.release(1);
    co_await test::settle();
    REQUIRE(order == std::vector<std::size_t>{3});
    permits.release(1);
    co_await scope.join();
    REQUIRE(order == std::vector<std::size_t>{3, 1});
    REQUIRE(permits.available() == 0);
}

CO_TEST_CASE("try_acquire takes permits that are there", "[runtime][semaphore]") {
    semaphore permits(2);
    REQUIRE_FALSE(permits.try_acquire(3));
    REQUIRE(permits.try_acquire(2));
    REQUIRE_FALSE(permits.try_acquire());
    REQUIRE(permits.try_acquire(0));
    auto none = co_await permits.acquire(0);
    REQUIRE(none);
    permits.release(2);
    REQUIRE(permits.available() == 2);
}

CO_TEST_CASE("a cancelled wait lets those behind it have theirs", "[runtime][semaphore][cancel]") {
    semaphore permits(1);
    std::vector<std::size_t> order;
    auto greedy = scope.spawn(take(permits, 5, order));
    co_await test::settle();
    auto modest = scope.spawn(take(permits, 1, order));
    co_await test::settle();
    REQUIRE(order.empty());
    greedy.request_stop();
    const std::error_code code = co_await greedy;
    REQUIRE(code == errc::cancelled);
    const std::error_code served = co_await modest;
    REQUIRE_FALSE(served);
    const std::error_code late = co_await within(1ms, take(permits, 1, order));
    REQUIRE(late == errc::timed_out);
    REQUIRE(order == std::vector<std::size_t>{1});
}

CO_TEST_CASE("a destroyed wait lets those behind it have theirs", "[runtime][semaphore][cancel]") {
    semaphore permits(1);
    std::vector<std::size_t> order;
    {
        task_group group;
        group.spawn(take(permits, 5, order));
        co_await test::settle();
        scope.spawn(take(permits, 1, order));
        co_await test::settle();
        REQUIRE(order.empty());
    }
    co_await scope.join();
    REQUIRE(order == std::vector<std::size_t>{1});
}

CO_TEST_CASE("permits of a destroyed task that never ran come back",
             "[runtime][semaphore][cancel]") {
    semaphore permits(0);
    std::vector<std::size_t> order;
    {
        task_group group;
        group.spawn(take(permits, 2, order));
        co_await test::settle();
        scope.spawn(take(permits, 1, order));
        co_await test::settle();
        permits.release(2);
        REQUIRE(permits.available() == 0);
    }
    co_await scope.join();
    REQUIRE(order == std::vector<std::size_t>{1});
    REQUIRE(permits.available() == 1);
}

TEST_CASE("destroying a semaphore under a wait is a bug that is named", "[runtime][semaphore]") {
    const std::string said = test::stderr_of_death([] { run(destroy_under_a_wait()); });
    REQUIRE_THAT(said, Catch::Contains("a semaphore was destroyed while a task waits for it"));
}
