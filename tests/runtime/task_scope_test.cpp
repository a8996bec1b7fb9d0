// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/task_scope.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>
#include "../support/dies.hpp"

#include <stdexcept>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> sleep_long(int& cancelled) {
    const std::error_code ended = co_await sleep_for(1h);
    if (ended == errc::cancelled) ++cancelled;
}

task<> fail_after(clock::duration wait, const char* what) {
    const std::error_code ended = co_await sleep_for(wait);
    if (!ended) throw std::runtime_error(what);
}

/// Notes its destruction.
class noted {
public:
    noted(std::vector<int>& log, int number) : log_(&log), number_(number) {}
    noted(const noted&) = delete;
    ~noted() { log_->push_back(number_); }

private:
    std::vector<int>* log_;
    int number_;
};

task<> hold(std::vector<int>& log, int number) {
    const noted held(log, number);
    co_await sleep_for(1h);
    log.push_back(-number);  // must not be reached
}

task<> note(std::vector<int>& log, int number) {
    log.push_back(number);
    co_return;
}

task<> leave_by_exception(std::vector<int>& log) {
    task_scope inner;
    inner.spawn(hold(log, 1));
    inner.spawn(hold(log, 2));
    co_await test::settle();
    throw std::runtime_error("body");
}

task<> leave_by_return(std::vector<int>& log) {
    task_scope inner;
    inner.spawn(hold(log, 1));
    co_await test::settle();
    co_return;
}

task<> nest(int depth, int& cancelled) {
    task_scope inner;
    if (depth > 0) inner.spawn(nest(depth - 1, cancelled));
    inner.spawn(sleep_long(cancelled));
    co_await inner.join();
}

task<std::string> what_comes_out(task<> work) {
    task<> running = std::move(work);
    try {
        co_await std::move(running);
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "nothing";
}

task<> first_failure_of_two(int& cancelled) {
    task_scope inner;
    inner.spawn(fail_after(1ms, "first"));
    inner.spawn(fail_after(1h, "second"));
    inner.spawn(sleep_long(cancelled));
    co_await sleep_long(cancelled);  // the body is one of the siblings
    co_await inner.join();
}

}  // namespace

CO_TEST_CASE("join waits for all children", "[runtime][task_scope]") {
    std::vector<int> log;
    task_scope inner;
    inner.spawn(note(log, 1));
    inner.spawn(note(log, 2));
    REQUIRE(log.empty());  // a spawned task first runs after its parent has suspended
    co_await inner.join();
    REQUIRE(log.size() == 2);
}

CO_TEST_CASE("the first failure stops the siblings and the body", "[runtime][task_scope]") {
    int cancelled = 0;
    auto what = co_await what_comes_out(first_failure_of_two(cancelled));
    REQUIRE(what == "first");
    REQUIRE(cancelled == 2);
}

CO_TEST_CASE("after join the context outside is as it was", "[runtime][task_scope]") {
    int cancelled = 0;
    auto what = co_await what_comes_out(first_failure_of_two(cancelled));
    const std::error_code ended = co_await sleep_for(1ms);
    REQUIRE(what == "first");
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("leaving by an exception destroys the children, last first", "[runtime][task_scope]") {
    std::vector<int> log;
    auto what = co_await what_comes_out(leave_by_exception(log));
    REQUIRE(what == "body");
    REQUIRE(log == std::vector<int>{2, 1});
    const std::error_code ended = co_await sleep_for(1ms);
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("leaving by a return destroys the children", "[runtime][task_scope]") {
    std::vector<int> log;
    co_await leave_by_return(log);
    REQUIRE(log == std::vector<int>{1});
}

CO_TEST_CASE("a stop request reaches every level of nested scopes", "[runtime][task_scope]") {
    int cancelled = 0;
    task_group group;
    auto nested = group.spawn(nest(20, cancelled));
    co_await test::settle();
    REQUIRE(cancelled == 0);
    nested.request_stop();
    co_await nested;
    REQUIRE(cancelled == 21);
}

CO_TEST_CASE("destroying a task that stands in nested scopes destroys them all",
             "[runtime][task_scope]") {
    int cancelled = 0;
    {
        task_group group;
        group.spawn(nest(20, cancelled));
        co_await test::settle();
    }
    REQUIRE(cancelled == 0);
}

CO_TEST_CASE("a thousand children that step back again and again all end",
             "[runtime][task_scope]") {
    std::vector<int> log;
    task_scope inner;
    for (int i = 0; i < 1000; ++i) inner.spawn(note(log, i));
    co_await inner.join();
    REQUIRE(log.size() == 1000);
}

TEST_CASE("joining scopes in the wrong order is a bug of the caller", "[runtime][task_scope]") {
    const auto said = test::stderr_of_death([] {
        auto body = []() -> task<> {
            task_scope outer;
            task_scope inner;
            co_await outer.join();
        };
        scheduler(scheduler_options().backend(backend_kind::epoll)).run(body());
    });
    REQUIRE_THAT(said, Catch::Matchers::Contains("scopes are joined innermost first"));
}
