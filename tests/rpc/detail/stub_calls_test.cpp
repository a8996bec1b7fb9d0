// SPDX-License-Identifier: BSL-1.0
#include "../../support/co_test.hpp"
#include "../calculator.hpp"
#include "../connected.hpp"
#include "../local_calculator.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/queue.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::test;
using namespace std::chrono_literals;

namespace {

/// A calculator that is offered, and a stub for it in the same process.
class remote_calculator {
public:
    local_calculator object;
    service_table offers = made_of(object);
    connected pair{offers};
    stub<calculator> there{pair.here};

private:
    static service_table made_of(calculator& object) {
        service_table offers;
        offers.add<calculator>(object);
        return offers;
    }
};

/// Works on a local object, a remote one or a mock.
task<double> add_three(calculator& with) {
    double sum = co_await with.add(1, 2);
    sum = co_await with.add(sum, 3);
    co_return sum;
}

stream<double> samples(std::vector<double> values) {
    for (const double value : values) co_yield value;
}

stream<double> samples_then_throw(double value) {
    co_yield value;
    throw std::range_error("no more samples");
}

task<std::vector<double>> all_of(stream<double> values) {
    stream<double> in = std::move(values);
    std::vector<double> all;
    while (auto value = co_await in.next()) all.push_back(*value);
    co_return all;
}

task<std::uint64_t> sum_of(stream<std::uint64_t> values) {
    stream<std::uint64_t> in = std::move(values);
    std::uint64_t sum = 0;
    while (auto value = co_await in.next()) sum += *value;
    co_return sum;
}

task<status> how_waiting_ends(calculator& there) {
    auto ended = co_await try_call(there.wait(""));
    co_return ended ? status::ok : ended.error().code();
}

stream<double> samples_from(queue<double>& numbers) {
    while (auto number = co_await numbers.pop()) co_yield *number;
}

task<stream<double>> begin_sums(calculator& there, queue<double>& numbers) {
    co_return there.running_sum(0, samples_from(numbers));
}

task<> until_idle(connection& there) {
    while (there.calls_served_now() > 0) co_await yield();
}

task<std::vector<fault>> call_after_stop(calculator& there) {
    event never;
    co_await never.wait();
    std::vector<fault> seen;
    auto sum = co_await try_call(there.add(1, 1));
    auto numbers = there.count(0, 3);
    auto item = co_await try_call(numbers.next());
    auto noted = co_await try_call(there.note("never"));
    if (!sum) seen.push_back(sum.error());
    if (!item) seen.push_back(item.error());
    if (!noted) seen.push_back(noted.error());
    co_return seen;
}

}  // namespace

CO_TEST_CASE("a call yields what the procedure returned", "[rpc][stub_calls]") {
    remote_calculator remote;
    const double sum = co_await add_three(remote.there);
    const double same = co_await add_three(remote.object);
    const std::string text = co_await remote.there.repeat("ab", 3);
    co_await remote.there.clear();

    REQUIRE(sum == 6);
    REQUIRE(same == 6);
    REQUIRE(text == "ababab");
}

CO_TEST_CASE("a result that is longer than a frame arrives whole", "[rpc][stub_calls]") {
    remote_calculator remote;
    const std::string text = co_await remote.there.repeat(std::string(1000, 'x'), 1000);
    const std::string again = co_await remote.there.repeat(text, 1);
    const double sum = co_await remote.there.add(1, 1);
    REQUIRE(text == std::string(1'000'000, 'x'));
    REQUIRE(again == text);
    REQUIRE(sum == 2);
}

CO_TEST_CASE("a one-way call is done when it is queued", "[rpc][stub_calls]") {
    remote_calculator remote;
    co_await remote.there.note("first");
    const std::size_t before = remote.object.lines.size();
    co_await remote.object.noted.wait();
    co_await remote.there.clear();

    REQUIRE(before == 0);
    REQUIRE(remote.object.lines.empty());
    REQUIRE(remote.pair.there.counters().calls_served == 2);
}

CO_TEST_CASE("a stream of results yields its items in order, however many", "[rpc][stub_calls]") {
    remote_calculator remote;
    auto few = remote.there.count(3, 5);
    auto three = co_await few.next();
    auto four = co_await few.next();
    auto end = co_await few.next();
    auto after = co_await few.next();
    const std::uint64_t sum = co_await sum_of(remote.there.count(0, 20'000));

    REQUIRE(three == 3);
    REQUIRE(four == 4);
    REQUIRE_FALSE(end);
    REQUIRE_FALSE(after);
    REQUIRE(sum == std::uint64_t{20'000} * 19'999 / 2);
}

CO_TEST_CASE("a parameter that is a stream is sent while the result is awaited",
             "[rpc][stub_calls]") {
    remote_calculator remote;
    auto three = samples({1, 2, 6});
    auto nothing = samples({});
    const double mean = co_await remote.there.mean(std::move(three));
    auto none = co_await try_call(remote.there.mean(std::move(nothing)));
    REQUIRE(mean == 3);
    REQUIRE(none.error().code() == status::invalid_argument);
    REQUIRE(none.error().text() == "the mean of nothing");
}

CO_TEST_CASE("streams go both ways at once", "[rpc][stub_calls]") {
    remote_calculator remote;
    auto sums_of = remote.there.running_sum(10, samples({1, 2, 3}));
    const std::vector<double> sums = co_await all_of(std::move(sums_of));
    REQUIRE(sums == std::vector<double>{11, 13, 16});
}

CO_TEST_CASE("what a parameter stream throws ends the call here, and there", "[rpc][stub_calls]") {
    remote_calculator remote;
    std::string thrown;
    try {
        const double mean = co_await remote.there.mean(samples_then_throw(5));
        thrown = std::to_string(mean);
    } catch (const std::range_error& why) {
        thrown = why.what();
    }
    REQUIRE(thrown == "no more samples");

    std::string thrown_by_stream;
    auto sums = remote.there.running_sum(1, samples_then_throw(5));
    try {
        while (auto sum = co_await sums.next()) thrown_by_stream += std::to_string(*sum);
    } catch (const std::range_error& why) {
        thrown_by_stream = why.what();
    }
    REQUIRE(thrown_by_stream == "no more samples");
    const double sum = co_await remote.there.add(1, 1);
    REQUIRE(sum == 2);
    REQUIRE(remote.pair.there.calls_served_now() == 0);
}

CO_TEST_CASE("a listed error arrives as its own type", "[rpc][stub_calls][errors]") {
    remote_calculator remote;
    double dividend = 0;
    std::string note;
    try {
        (void)co_await remote.there.divide(7, 0);
    } catch (const division_by_zero& why) {
        dividend = why.dividend;
        note = why.note;
    }
    std::uint64_t asked = 0;
    auto many = remote.there.count(0, 2'000'000);
    try {
        (void)co_await many.next();
    } catch (const too_many& why) {
        asked = why.asked;
    }
    REQUIRE(dividend == 7);
    REQUIRE(note == "a note that needs memory of its own");
    REQUIRE(asked == 2'000'000);
}

CO_TEST_CASE("a stop or a deadline ends a call here at once and its procedure there",
             "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    auto late = co_await try_call(within(5ms, remote.there.wait("throw")));
    co_await remote.object.idle.wait();
    const auto ended_late = remote.object.how_ended;

    remote.object.waiting.reset();
    remote.object.idle.reset();
    auto pending = scope.spawn(how_waiting_ends(remote.there));
    co_await remote.object.waiting.wait();
    const bool done_before = pending.is_done();
    pending.request_stop();
    const status stopped = co_await pending;
    co_await remote.object.idle.wait();

    REQUIRE(late.error().code() == status::deadline_exceeded);
    REQUIRE(late.error().may_have_run());
    REQUIRE(ended_late.has_value());
    REQUIRE_FALSE(done_before);
    REQUIRE(stopped == status::cancelled);
    REQUIRE(remote.object.how_ended == errc::cancelled);
}

CO_TEST_CASE("within() around next() bounds that wait alone; the stream goes on",
             "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    queue<double> numbers(4);
    auto sums = remote.there.running_sum(0, samples_from(numbers));
    auto late = co_await try_call(within(1ms, sums.next()));
    const auto put = co_await numbers.push(2);
    auto two = co_await try_call(sums.next());
    numbers.close();
    auto end = co_await try_call(sums.next());

    REQUIRE(late.error().code() == status::deadline_exceeded);
    REQUIRE(put);
    REQUIRE(two.value() == 2);
    REQUIRE_FALSE(end.value().has_value());
}

CO_TEST_CASE("a stream that is abandoned is cancelled at the other side",
             "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    queue<double> numbers(4);
    {
        auto sums = remote.there.running_sum(0, samples_from(numbers));
        const auto put = co_await numbers.push(2);
        auto two = co_await sums.next();
        REQUIRE(put);
        REQUIRE(two == 2);
        REQUIRE(remote.pair.there.calls_served_now() == 1);
    }
    co_await until_idle(remote.pair.there);
    const double sum = co_await remote.there.add(1, 1);
    REQUIRE(sum == 2);
    REQUIRE(remote.pair.there.counters().calls_refused == 0);
}

CO_TEST_CASE("a stream belongs to the context in which its method was called",
             "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    queue<double> numbers(4);
    auto sums = co_await within(5ms, begin_sums(remote.there, numbers));
    auto late = co_await try_call(sums.next());
    auto end = co_await try_call(sums.next());
    co_await until_idle(remote.pair.there);
    REQUIRE(late.error().code() == status::deadline_exceeded);
    REQUIRE_FALSE(end.value().has_value());
}

CO_TEST_CASE("calls for which there is no place yet wait for one, streams too",
             "[rpc][stub_calls]") {
    remote_calculator remote;
    task_group waiting;
    for (int i = 0; i < 128; ++i) waiting.spawn(how_waiting_ends(remote.there));
    while (remote.pair.here.calls_made_now() < 128) co_await yield();
    auto numbers = remote.there.count(5, 7);
    auto late = co_await try_call(within(1ms, numbers.next()));
    auto sum = co_await try_call(within(1ms, remote.there.add(1, 1)));
    const std::size_t made = remote.pair.here.calls_made_now();
    remote.object.go.set();
    auto five = co_await try_call(numbers.next());
    auto six = co_await try_call(numbers.next());
    co_await waiting.join();

    REQUIRE(late.error().code() == status::deadline_exceeded);
    REQUIRE(sum.error().code() == status::deadline_exceeded);
    REQUIRE_FALSE(sum.error().may_have_run());
    REQUIRE(made == 128);
    REQUIRE(five.value() == 5);
    REQUIRE(six.value() == 6);
}

CO_TEST_CASE("a call in a context that was stopped is not sent", "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    const double before = co_await remote.there.add(1, 1);
    auto pending = scope.spawn(call_after_stop(remote.there));
    co_await yield();
    pending.request_stop();
    const auto seen = co_await pending;

    REQUIRE(before == 2);
    REQUIRE(seen.size() == 3);
    for (const fault& why : seen) {
        CHECK(why.code() == status::cancelled);
        CHECK_FALSE(why.may_have_run());
        CHECK(why.retry_safe());
    }
    REQUIRE(remote.pair.here.counters().calls_made == 1);
    REQUIRE(remote.pair.here.calls_made_now() == 0);
}

CO_TEST_CASE("the deadline of a method is that of callers who have none, and no longer",
             "[rpc][stub_calls][cancel]") {
    remote_calculator remote;
    auto usual = co_await try_call(remote.there.wait_briefly());
    auto shorter = co_await try_call(within(1ms, remote.there.wait_briefly()));
    REQUIRE(usual.error().code() == status::deadline_exceeded);
    REQUIRE(shorter.error().code() == status::deadline_exceeded);
}

CO_TEST_CASE("a connection that goes ends calls, streams and one-way calls once",
             "[rpc][stub_calls]") {
    remote_calculator remote;
    auto pending = scope.spawn(how_waiting_ends(remote.there));
    queue<double> numbers(4);
    auto sums = remote.there.running_sum(0, samples_from(numbers));
    co_await remote.object.waiting.wait();
    co_await remote.there.note("on its way");
    remote.pair.there.close();
    const status ended = co_await pending;
    auto item = co_await try_call(sums.next());
    auto after = co_await try_call(remote.there.add(1, 1));

    REQUIRE(ended == status::unavailable);
    REQUIRE(item.error().code() == status::unavailable);
    REQUIRE(after.error().code() == status::unavailable);
    REQUIRE_FALSE(after.error().may_have_run());
}
