// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/when_any.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<std::unique_ptr<int>> box_after(event& ready, int value) {
    co_await ready.wait();
    co_return std::make_unique<int>(value);
}

task<> wait_for_stop(bool& ended) {
    co_await sleep_for(1h);
    co_await yield();
    ended = true;
}

task<> fail_when_stopped() {
    co_await sleep_for(1h);
    throw std::runtime_error("from a loser");
}

task<int> fail_after(event& ready) {
    co_await ready.wait();
    throw std::runtime_error("from the first");
}

task<int> number_after(clock::duration wait, int value) {
    co_await sleep_for(wait);
    co_return value;
}

task<std::string> what_first_throws(event& ready, bool& ended) {
    try {
        co_await when_any(wait_for_stop(ended), fail_after(ready));
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "nothing";
}

}  // namespace

CO_TEST_CASE("when_any yields the first and waits for the others' end", "[runtime][when_any]") {
    event ready;
    bool ended = false;
    auto racing = scope.spawn(when_any(wait_for_stop(ended), box_after(ready, 3)));
    co_await test::settle();
    REQUIRE_FALSE(racing.is_done());
    ready.set();
    auto first = co_await racing;
    REQUIRE(first.index == 1);
    REQUIRE(*std::get<1>(first.value) == 3);
    REQUIRE(ended);
}

CO_TEST_CASE("when_any yields nothing as std::monostate", "[runtime][when_any]") {
    event ready;
    bool ended = false;
    ready.set();
    auto first = co_await when_any(ready.wait(), sleep_for(1h), wait_for_stop(ended));
    REQUIRE(first.index == 0);
    REQUIRE_FALSE(std::get<0>(first.value));
    auto expired = co_await when_any(within(1ms, wait_for_stop(ended)), sleep_for(1h));
    REQUIRE(expired.index == 0);
    REQUIRE(std::get<0>(expired.value) == std::monostate());
}

CO_TEST_CASE("an exception decides when_any when it is first", "[runtime][when_any]") {
    event ready;
    bool ended = false;
    ready.set();
    const std::string what = co_await what_first_throws(ready, ended);
    REQUIRE(what == "from the first");
    REQUIRE(ended);
}

CO_TEST_CASE("what a loser throws is dropped", "[runtime][when_any]") {
    event ready;
    ready.set();
    auto first = co_await when_any(fail_when_stopped(), box_after(ready, 3));
    REQUIRE(first.index == 1);
    REQUIRE(*std::get<1>(first.value) == 3);
}

CO_TEST_CASE("a stop request reaches all in when_any", "[runtime][when_any][cancel]") {
    auto waiting = scope.spawn(when_any(sleep_for(1h), sleep_for(2h)));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    waiting.request_stop();
    auto first = co_await waiting;
    const std::error_code why =
        first.index == 0 ? std::get<0>(first.value) : std::get<1>(first.value);
    REQUIRE(why == errc::cancelled);
}

CO_TEST_CASE("when_any takes a vector of tasks", "[runtime][when_any]") {
    std::vector<task<int>> works;
    works.push_back(number_after(1h, 1));
    works.push_back(number_after(1ms, 2));
    works.push_back(number_after(2h, 3));
    auto first = co_await when_any(std::move(works));
    REQUIRE(first.index == 1);
    REQUIRE(first.value == 2);

    bool ended = false;
    std::vector<task<>> silent;
    silent.push_back(wait_for_stop(ended));
    auto only = co_await within(1ms, when_any(std::move(silent)));
    REQUIRE(only.index == 0);
    REQUIRE(ended);
}

CO_TEST_CASE("when_any may be destroyed while it waits", "[runtime][when_any][cancel]") {
    bool ended = false;
    {
        task_group group;
        group.spawn(when_any(wait_for_stop(ended), wait_for_stop(ended)));
        co_await test::settle();
    }
    REQUIRE_FALSE(ended);
}

TEST_CASE("when_any of an empty vector is a bug that is named", "[runtime][when_any]") {
    const std::string said = test::stderr_of_death([] { run(when_any(std::vector<task<int>>())); });
    REQUIRE_THAT(said, Catch::Contains("of nothing, nothing finishes first"));
}
