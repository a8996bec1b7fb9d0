// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/stream.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>
#include "../support/dies.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

stream<int> countdown(int from) {
    for (; from > 0; --from) {
        if (from % 3 == 0) co_await yield();
        co_yield from;
    }
}

stream<std::string> words() {
    const std::string kept = "an lvalue long enough for the heap";
    co_yield kept;
    co_yield std::string("an rvalue long enough for the heap");
    co_yield kept;
}

stream<int> fails_once() {
    co_yield 1;
    co_yield failed::with(std::runtime_error("once"));
    co_yield 2;
}

stream<int> throws() {
    co_yield 1;
    throw std::runtime_error("for good");
}

stream<int> slow_reader(std::error_code& seen) {
    seen = co_await sleep_for(1h);
    co_yield 1;
}

class flag_on_destruction {
public:
    explicit flag_on_destruction(bool& flag) : flag_(&flag) {}
    flag_on_destruction(const flag_on_destruction&) = delete;
    ~flag_on_destruction() { *flag_ = true; }

private:
    bool* flag_;
};

stream<int> endless(bool& destroyed) {
    const flag_on_destruction guard(destroyed);
    for (int i = 0;; ++i) co_yield i;
}

task<std::string> next_failure(stream<int>& from) {
    try {
        co_await from.next();
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "none";
}

task<std::int64_t> sum_of(stream<int> numbers) {
    stream<int> mine = std::move(numbers);
    std::int64_t sum = 0;
    while (auto n = co_await mine.next()) sum += *n;
    co_return sum;
}

task<> take_within(clock::duration limit) {
    std::error_code seen;
    auto numbers = slow_reader(seen);
    auto one = co_await within(limit, numbers.next());
    static_cast<void>(one);
}

stream<int> when_set(event& awaited) {
    co_await awaited.wait();
    co_yield 1;
}

task<> take_one(stream<int>& from) {
    auto one = co_await from.next();
    static_cast<void>(one);
}

task<> fail_beside_a_stream(stream<int>& from, event& awaited) {
    task_scope scope;
    scope.spawn(take_one(from));
    co_await settle();
    awaited.set();  // the body is queued to go on, and its consumer goes
    throw std::runtime_error("out");
}

task<> take_twice_at_a_time() {
    std::error_code seen;
    auto numbers = slow_reader(seen);
    task_scope scope;
    scope.spawn(take_one(numbers));
    scope.spawn(take_one(numbers));
    co_await scope.join();
}

task<> destroy_under_next() {
    std::error_code seen;
    std::optional<stream<int>> numbers(slow_reader(seen));
    task_scope scope;
    scope.spawn(take_one(*numbers));
    co_await settle();
    numbers.reset();
}

void run_on_epoll(task<> (*body)()) {
    scheduler(scheduler_options().backend(backend_kind::epoll)).run(body());
}

}  // namespace

CO_TEST_CASE("a stream yields its values in order, then nothing", "[runtime][stream]") {
    auto numbers = countdown(3);
    auto three = co_await numbers.next();
    auto two = co_await numbers.next();
    auto one = co_await numbers.next();
    auto end = co_await numbers.next();
    auto still_the_end = co_await numbers.next();
    REQUIRE(three == 3);
    REQUIRE(two == 2);
    REQUIRE(one == 1);
    REQUIRE(end == std::nullopt);
    REQUIRE(still_the_end == std::nullopt);
}

CO_TEST_CASE("a yielded lvalue is copied, an rvalue moved", "[runtime][stream]") {
    auto all = words();
    auto first = co_await all.next();
    auto second = co_await all.next();
    auto third = co_await all.next();
    REQUIRE(*first == "an lvalue long enough for the heap");
    REQUIRE(*second == "an rvalue long enough for the heap");
    REQUIRE(*third == *first);
}

CO_TEST_CASE("co_yield failed makes one next throw", "[runtime][stream]") {
    auto numbers = fails_once();
    auto one = co_await numbers.next();
    auto what = co_await next_failure(numbers);
    auto two = co_await numbers.next();
    REQUIRE(one == 1);
    REQUIRE(what == "once");
    REQUIRE(two == 2);
}

CO_TEST_CASE("what the body of a stream throws ends it", "[runtime][stream]") {
    auto numbers = throws();
    auto one = co_await numbers.next();
    auto what = co_await next_failure(numbers);
    auto end = co_await numbers.next();
    REQUIRE(one == 1);
    REQUIRE(what == "for good");
    REQUIRE(end == std::nullopt);
}

CO_TEST_CASE("a deadline around next is felt inside the stream", "[runtime][stream]") {
    std::error_code seen;
    auto numbers = slow_reader(seen);
    auto one = co_await within(1ms, numbers.next());
    REQUIRE(seen == errc::timed_out);
    REQUIRE(one == 1);
}

CO_TEST_CASE("destroying a stream abandons it where it stands", "[runtime][stream]") {
    bool destroyed = false;
    {
        auto numbers = endless(destroyed);
        auto zero = co_await numbers.next();
        REQUIRE(zero == 0);
        REQUIRE_FALSE(destroyed);
    }
    REQUIRE(destroyed);
}

CO_TEST_CASE("destroying the consumer of a waiting stream withdraws its wait",
             "[runtime][stream]") {
    std::error_code seen;
    std::optional<task_group> group(std::in_place);
    group->spawn(sum_of(slow_reader(seen)));
    co_await test::settle();
    group.reset();
    REQUIRE(seen == std::error_code());
}

CO_TEST_CASE("a million values that come at once need no stack", "[runtime][stream]") {
    auto sum = co_await sum_of(countdown(100'000));
    bool destroyed = false;
    auto numbers = endless(destroyed);
    int last = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        auto n = co_await numbers.next();
        last = *n;
    }
    REQUIRE(sum == 5'000'050'000);
    REQUIRE(last == 999'999);
}

CO_TEST_CASE("an empty stream yields nothing", "[runtime][stream]") {
    stream<int> none;
    auto end = co_await none.next();
    REQUIRE(end == std::nullopt);
}

CO_TEST_CASE("destroying a task inside within and next takes the body with it",
             "[runtime][stream]") {
    {
        task_group group;
        group.spawn(take_within(1h));
        co_await settle();
    }
    const std::error_code ended = co_await sleep_for(1ms);
    REQUIRE(ended == std::error_code());
}

CO_TEST_CASE("a stream that outlives its consumer is empty afterwards", "[runtime][stream]") {
    event awaited;
    auto numbers = when_set(awaited);
    std::string what;
    try {
        co_await fail_beside_a_stream(numbers, awaited);
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    co_await settle();
    auto end = co_await numbers.next();
    REQUIRE(what == "out");
    REQUIRE(end == std::nullopt);
}

TEST_CASE("a second next at a time is a bug of the caller", "[runtime][stream]") {
    const auto said = stderr_of_death([] { run_on_epoll(take_twice_at_a_time); });
    REQUIRE_THAT(said, Catch::Matchers::Contains("one next() at a time"));
}

TEST_CASE("destroying a stream under a next is a bug of the caller", "[runtime][stream]") {
    const auto said = stderr_of_death([] { run_on_epoll(destroy_under_next); });
    REQUIRE_THAT(said, Catch::Matchers::Contains("a stream was destroyed while next() waits"));
}
