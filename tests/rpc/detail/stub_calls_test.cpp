// SPDX-License-Identifier: BSL-1.0
#include "../../support/co_test.hpp"
#include "../calculator.hpp"
#include "../connected.hpp"
#include "../local_calculator.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/when_all.hpp>
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
