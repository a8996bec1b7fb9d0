// SPDX-License-Identifier: BSL-1.0
//
// Many calls side by side, and calls that call on.
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> add_and_compare(test::subject& remote, std::int64_t number, int& right) {
    auto sum = co_await remote.add(number, 1);
    if (sum == number + 1) ++right;
}

task<> count_all(test::subject& remote, std::uint64_t& counted) {
    auto counting = remote.count(20'000);
    while (auto each = co_await counting.next()) ++counted;
}

/// Passes on to another server.
class middle : public test::local_subject {
public:
    explicit middle(test::subject& next) : next_(next) {}
    task<std::int64_t> time_left() override { return next_.time_left(); }
    task<> hold() override { return next_.hold(); }

private:
    test::subject& next_;
};

}  // namespace

CO_TEST_CASE("a thousand calls at a time go over one connection", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    int right = 0;
    std::vector<child<void>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(scope.spawn(add_and_compare(*here, i, right)));
    for (child<void>& each : calls) co_await each;
    REQUIRE(right == 1000);
    REQUIRE(there.server.counters().connections.calls_served == 1000);
}

CO_TEST_CASE("a thousand calls wait in a server that announces as many", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    const auto wide = rpc::connection_options().calls_max(1000);
    test::subject_server there(rpc::server_options().each(wide));
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    co_await here->touch();  // its settings have come
    std::vector<child<result<void, rpc::fault>>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(scope.spawn(test::try_hold(*here)));
    co_await test::until_held(there.object, 1000);
    const std::size_t served = there.server.calls_served_now();
    calls[500].request_stop();
    auto one = co_await calls[500];
    co_await test::until_released(there.object, 1);
    const std::size_t left = there.server.calls_served_now();
    for (child<result<void, rpc::fault>>& each : calls) each.request_stop();
    co_await test::until_released(there.object, 1000);
    REQUIRE(served == 1000);
    REQUIRE(one.error().code() == rpc::status::cancelled);
    REQUIRE(left == 999);
}

CO_TEST_CASE("a timeout on one call leaves its neighbours alone", "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto neighbour = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    auto late = co_await rpc::try_call(within(1ms, here->hold()));
    co_await test::until_released(there.object, 1);
    auto sum = co_await here->add(1, 2);
    const bool neighbour_waits = !neighbour.is_done() && there.object.holding == 1;
    neighbour.request_stop();
    auto stopped = co_await neighbour;
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(sum == 3);
    REQUIRE(neighbour_waits);
    REQUIRE(stopped.error().code() == rpc::status::cancelled);
}

CO_TEST_CASE("a slow reader of one stream does not delay another", "[rpc][server][stream]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto slow = here->count(1'000'000);
    auto first = co_await slow.next();
    std::uint64_t counted = 0;
    auto quick = scope.spawn(count_all(*here, counted));
    co_await quick;
    auto sum = co_await here->add(1, 2);
    auto second = co_await slow.next();
    REQUIRE(*first == 1);
    REQUIRE(counted == 20'000);
    REQUIRE(sum == 3);
    REQUIRE(*second == 2);
}

CO_TEST_CASE("a deadline and a cancellation cross two hops", "[rpc][server][cancel]") {
    const test::temp_dir folder;
    test::subject_server last;
    co_await last.server.listen("unix:" + folder.path("last"));
    auto to_last = co_await test::connect_subject("unix:" + folder.path("last"));
    middle passes_on(*to_last);
    rpc::server between;
    between.offer<test::subject>(passes_on);
    co_await between.listen("unix:" + folder.path("between"));
    auto here = co_await test::connect_subject("unix:" + folder.path("between"));

    auto unbounded = co_await here->time_left();
    auto bounded = co_await within(1h, here->time_left());
    auto holding = scope.spawn(test::try_hold(*here));
    co_await test::until_held(last.object, 1);
    holding.request_stop();
    auto stopped = co_await holding;
    co_await test::until_released(last.object, 1);
    REQUIRE(unbounded == -1);
    REQUIRE(bounded > 3'500'000);
    REQUIRE(bounded <= 3'600'000);
    REQUIRE(stopped.error().code() == rpc::status::cancelled);
}

CO_TEST_CASE("what a server may have under way waits where it announces no more", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    std::vector<child<result<void, rpc::fault>>> calls;
    for (int i = 0; i < 130; ++i) calls.push_back(scope.spawn(test::try_hold(*here)));
    co_await test::until_held(there.object, 128);
    co_await test::settle();
    const int held = there.object.holding;
    calls[0].request_stop();
    co_await test::until_held(there.object, 128);
    for (child<result<void, rpc::fault>>& each : calls) each.request_stop();
    for (child<result<void, rpc::fault>>& each : calls) {
        auto why = co_await each;
        REQUIRE(why.error().code() == rpc::status::cancelled);
    }
    REQUIRE(held == 128);
}
