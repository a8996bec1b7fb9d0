// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connection.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "probe.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using rpc::status;

namespace {

using tried = result<void, rpc::fault>;

task<tried> try_hold(rpc::stub<probe> there) {
    auto held = there.hold();
    auto done = co_await rpc::try_call(std::move(held));
    co_return done;
}

task<void> hold(rpc::stub<probe> there) { co_await there.hold(); }

/// Until the service holds so many calls.
task<void> until_held(const probe_service& service, std::size_t calls) {
    while (service.holding < calls) co_await yield();
}

stream<std::string> texts(std::size_t items, std::size_t bytes) {
    for (std::size_t i = 0; i < items; ++i) {
        std::string text(bytes, static_cast<char>('a' + i % 26));
        co_yield std::move(text);
    }
}

}  // namespace

CO_TEST_CASE("a call through a connection is answered", "[rpc][connection]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    const std::string said = co_await there.echo("hello");
    const std::string nothing = co_await there.echo("");

    REQUIRE(said == "hello");
    REQUIRE(nothing.empty());
    REQUIRE(ends.client.counters().calls_made == 2);
    REQUIRE(ends.server.counters().calls_served == 2);
    REQUIRE(ends.server.calls_served_now() == 0);
    REQUIRE(ends.client.calls_made_now() == 0);
}

CO_TEST_CASE("either side calls the other over the same connection", "[rpc][connection]") {
    probe_service left;
    probe_service right;
    rpc::service_table lefts;
    rpc::service_table rights;
    lefts.add<probe>(left);
    rights.add<probe>(right);
    auto ends = make_memory_stream_pair();
    rpc::connection at_left(any_stream(std::move(ends.first)), lefts);
    rpc::connection at_right(any_stream(std::move(ends.second)), rights);
    rpc::stub<probe> to_right(at_left);
    rpc::stub<probe> to_left(at_right);

    const std::string one = co_await to_right.echo("one");
    const std::string two = co_await to_left.echo("two");

    REQUIRE(one == "one");
    REQUIRE(two == "two");
    REQUIRE(at_left.counters().calls_served == 1);
    REQUIRE(at_right.counters().calls_served == 1);
}

CO_TEST_CASE("a call that takes long does not delay the next", "[rpc][connection]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    auto held = scope.spawn(hold(there));
    co_await until_held(here, 1);
    const std::string said = co_await there.echo("past it");
    const bool done_before = held.is_done();
    here.release.set();
    co_await held;

    REQUIRE(said == "past it");
    REQUIRE_FALSE(done_before);
}

CO_TEST_CASE("of a thousand calls at once calls_max run, the others wait in order",
             "[rpc][connection]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    std::vector<child<void>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(scope.spawn(hold(there)));
    co_await until_held(here, 128);
    co_await settle();
    const std::size_t held = here.holding;
    const std::size_t under_way = ends.client.calls_made_now();
    here.release.set();
    for (auto& call : calls) co_await call;

    REQUIRE(held == 128);
    REQUIRE(under_way == 128);
    REQUIRE(ends.server.counters().calls_served == 1000);
    REQUIRE(here.holding == 0);
}

CO_TEST_CASE("a server may announce that it takes more calls at a time", "[rpc][connection]") {
    probe_service here;
    facing_connections ends(here, rpc::connection_options().calls_max(512));
    rpc::stub<probe> there(ends.client);

    const std::string greeted = co_await there.echo("");
    std::vector<child<void>> calls;
    for (int i = 0; i < 600; ++i) calls.push_back(scope.spawn(hold(there)));
    co_await until_held(here, 512);
    co_await settle();
    const std::size_t held = here.holding;
    here.release.set();
    for (auto& call : calls) co_await call;

    REQUIRE(held == 512);
}

CO_TEST_CASE("a call that is stopped ends at once, and its procedure is stopped",
             "[rpc][connection][cancel]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    auto held = scope.spawn(try_hold(there));
    co_await until_held(here, 1);
    held.request_stop();
    const tried ended = co_await held;
    while (here.holding > 0 || ends.client.calls_made_now() > 0) co_await yield();
    const std::string after = co_await there.echo("after");

    REQUIRE(ended.error().code() == status::cancelled);
    REQUIRE(ended.error().may_have_run());
    REQUIRE(here.stopped == 1);
    REQUIRE(after == "after");
}

CO_TEST_CASE("a call that is destroyed stops its procedure", "[rpc][connection][cancel]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    {
        task_group calls;
        calls.spawn(hold(there));
        co_await until_held(here, 1);
    }
    while (here.holding > 0 || ends.client.calls_made_now() > 0) co_await yield();
    const std::string after = co_await there.echo("after");

    REQUIRE(here.stopped == 1);
    REQUIRE(after == "after");
}

CO_TEST_CASE("a deadline ends a call on both sides and leaves its neighbours alone",
             "[rpc][connection][deadline]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    auto neighbour = scope.spawn(hold(there));
    auto late = there.hold();
    auto ended = co_await within(20ms, rpc::try_call(std::move(late)));
    while (here.stopped < 1) co_await yield();
    const bool neighbour_lives = !neighbour.is_done() && here.holding == 1;
    here.release.set();
    co_await neighbour;

    REQUIRE(ended.error().code() == status::deadline_exceeded);
    REQUIRE(neighbour_lives);
}

CO_TEST_CASE("arguments and results of any length up to the limit travel",
             "[rpc][connection][large]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    for (const std::size_t size : {std::size_t{65'536}, rpc::detail::whole_message_max - 4,
                                   rpc::detail::whole_message_max - 3, std::size_t{1'000'000},
                                   std::size_t{4 * 1024 * 1024 - 4}}) {
        const std::string text(size, 'x');
        const std::string back = co_await there.echo(text);
        const bool same = back == text;
        REQUIRE(same);
    }
}

CO_TEST_CASE("a message beyond the limit is refused with both sizes", "[rpc][connection][large]") {
    probe_service here;
    facing_connections ends(here, rpc::connection_options().message_max(65'536));
    rpc::stub<probe> there(ends.client);

    const std::string greeted = co_await there.echo("");
    std::string text(65'536, 'x');
    auto call = there.echo(std::move(text));
    auto refused = co_await rpc::try_call(std::move(call));
    const std::string after = co_await there.echo("after");

    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE_THAT(std::string(refused.error().text()),
                 Catch::Contains("65540") && Catch::Contains("65536"));
    REQUIRE(after == "after");
}

CO_TEST_CASE("a result is refused where it is made when it is one byte beyond the caller's limit",
             "[rpc][connection][large]") {
    probe_service here;
    const auto limited = rpc::connection_options().message_max(70'000);
    facing_connections ends(here, {}, limited);
    rpc::stub<probe> there(ends.client);
    const std::string greeted = co_await there.echo("");
    const std::string fits(70'000 - 4, 'x');

    const std::string back = co_await there.echo(fits);
    auto call = there.echo(fits + "x");
    auto refused = co_await rpc::try_call(std::move(call));
    const std::string after = co_await there.echo("after");

    REQUIRE(back == fits);
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE(refused.error().may_have_run());
    REQUIRE_THAT(std::string(refused.error().text()),
                 Catch::Contains("70001 bytes") && Catch::Contains("70000 (message_max)"));
    REQUIRE(ends.client.counters().messages_refused == 0);  // it was not sent
    REQUIRE(after == "after");
}

CO_TEST_CASE("arguments are taken up to the limit, and not one byte beyond",
             "[rpc][connection][large]") {
    probe_service here;
    facing_connections ends(here, rpc::connection_options().message_max(70'000));
    rpc::stub<probe> there(ends.client);
    const std::string greeted = co_await there.echo("");
    const std::string fits(70'000 - 4, 'x');

    const std::string back = co_await there.echo(fits);
    auto call = there.echo(fits + "x");
    auto refused = co_await rpc::try_call(std::move(call));

    REQUIRE(back == fits);
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE_FALSE(refused.error().may_have_run());
}

CO_TEST_CASE("arguments that the connection has no memory for are refused, not begun",
             "[rpc][connection][limit]") {
    probe_service here;
    facing_connections ends(here, rpc::connection_options().memory_max(300'000));
    rpc::stub<probe> there(ends.client);

    std::string text(400'000, 'x');
    auto call = there.echo(std::move(text));
    auto refused = co_await rpc::try_call(std::move(call));
    const std::string after = co_await there.echo("after");

    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE(after == "after");
}

CO_TEST_CASE("streams go both ways, and one that nobody reads delays no other call",
             "[rpc][connection][stream]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    auto unread = there.count(1'000'000);
    auto first = co_await unread.next();
    co_await settle();
    const std::size_t sent_ahead = here.counted;
    const std::string past = co_await there.echo("past it");
    std::size_t echoed = 0;
    auto shouted = there.shout(texts(500, 1000));
    while (auto text = co_await shouted.next()) echoed += text->size();

    REQUIRE(first == 1);
    REQUIRE(sent_ahead < 10'000);
    REQUIRE(past == "past it");
    REQUIRE(echoed == 500 * 1001);
}

CO_TEST_CASE("a stream that is abandoned stops its procedure", "[rpc][connection][stream]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    {
        auto numbers = there.count(1'000'000);
        auto first = co_await numbers.next();
        REQUIRE(first == 1);
    }
    while (ends.server.calls_served_now() > 0) co_await yield();
    while (ends.client.calls_made_now() > 0) co_await yield();

    REQUIRE(here.counted < 10'000);
}

CO_TEST_CASE("large items are cut, and small ones of another stream go between",
             "[rpc][connection][stream][large]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    std::size_t large = 0;
    auto shouted = there.shout(texts(4, 3'000'000));
    while (auto text = co_await shouted.next()) large += text->size();

    REQUIRE(large == 4 * 3'000'001);
}

CO_TEST_CASE("drain() refuses new calls and waits for those under way",
             "[rpc][connection][drain]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    auto held = scope.spawn(hold(there));
    co_await until_held(here, 1);
    auto drained = scope.spawn(ends.server.drain());
    while (ends.client.is_open()) co_await yield();
    auto call = there.echo("too late");
    auto refused = co_await rpc::try_call(std::move(call));
    const bool drained_before = drained.is_done();
    here.release.set();
    co_await held;
    co_await drained;
    co_await ends.client.until_down();

    REQUIRE(refused.error().code() == status::unavailable);
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE_FALSE(drained_before);
    REQUIRE(ends.server.is_down());
}

CO_TEST_CASE("calls under way when a connection goes down end once each",
             "[rpc][connection][down]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    std::vector<child<tried>> calls;
    for (int i = 0; i < 200; ++i) calls.push_back(scope.spawn(try_hold(there)));
    co_await until_held(here, 128);
    ends.server.close();
    std::size_t may_have_run = 0;
    std::size_t not_sent = 0;
    for (auto& call : calls) {
        const tried ended = co_await call;
        if (ended.error().code() != status::unavailable) continue;
        ++(ended.error().may_have_run() ? may_have_run : not_sent);
    }
    co_await ends.client.until_down();

    REQUIRE(may_have_run == 128);
    REQUIRE(not_sent == 72);
    REQUIRE(ends.client.is_down());
    REQUIRE_FALSE(ends.client.is_open());
}

CO_TEST_CASE("a connection that is destroyed ends its calls", "[rpc][connection][down]") {
    probe_service here;
    std::optional<facing_connections> ends(std::in_place, here);
    rpc::stub<probe> there(ends->client);

    auto held = scope.spawn(try_hold(there));
    co_await until_held(here, 1);
    ends.reset();
    const tried ended = co_await held;

    REQUIRE(ended.error().code() == status::unavailable);
    REQUIRE(here.stopped == 0);  // destroyed where it was
}

CO_TEST_CASE("a peer that says nothing is given up", "[rpc][connection][greeting]") {
    auto ends = make_memory_stream_pair();
    rpc::connection waiting(any_stream(std::move(ends.first)),
                            rpc::connection_options().greeting_within(5ms));
    co_await waiting.until_down();

    REQUIRE(waiting.why()->reason == rpc::detail::goaway_reason::timeout);
    REQUIRE_THAT(waiting.why()->text, Catch::Contains("5 ms"));
}

CO_TEST_CASE("a peer that falls silent is given up where keep-alive is on",
             "[rpc][connection][keep_alive]") {
    auto ends = make_memory_stream_pair();
    rpc::connection here(any_stream(std::move(ends.first)),
                         rpc::connection_options().keep_alive(5ms));
    const auto greeting = rpc::detail::make_greeting(rpc::detail::wire_settings());
    auto greeted = co_await write_all(ends.second, std::span(greeting));
    co_await here.until_down();

    REQUIRE(greeted);
    REQUIRE(here.why()->reason == rpc::detail::goaway_reason::timeout);
}

CO_TEST_CASE("a connection that is idle lives as long as its peer answers",
             "[rpc][connection][keep_alive]") {
    probe_service here;
    facing_connections ends(here, rpc::connection_options().keep_alive(1ms));
    rpc::stub<probe> there(ends.client);

    const std::string greeted = co_await there.echo("");
    const auto before = ends.server.counters().bytes_received;
    while (ends.server.counters().bytes_received < before + 5 * 24) co_await test::come_round();
    const std::string after = co_await there.echo("after");

    REQUIRE(after == "after");
}

namespace {

task<void> use_every_shape(rpc::stub<probe> there) {
    const std::string said = co_await there.echo("hello");
    std::string long_text(200'000, 'x');
    const std::string large = co_await there.echo(std::move(long_text));
    auto numbers = there.count(20);
    while (auto number = co_await numbers.next()) static_cast<void>(*number);
    auto shouted = there.shout(texts(5, 100'000));
    while (auto text = co_await shouted.next()) static_cast<void>(*text);
    co_await there.hold();
}

task<tried> try_every_shape(rpc::stub<probe> there) {
    auto all = use_every_shape(there);
    auto done = co_await rpc::try_call(std::move(all));
    co_return done;
}

}  // namespace

CO_TEST_CASE("calls that are stopped at any point end on both sides, and their numbers are free",
             "[rpc][connection][cancel]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    std::size_t ended_by_stop = 0;
    for (int steps = 0; steps < 150; ++steps) {
        auto using_it = scope.spawn(try_every_shape(there));
        for (int i = 0; i < steps; ++i) co_await yield();
        using_it.request_stop();
        const tried ended = co_await using_it;
        if (!ended && ended.error().code() == status::cancelled) ++ended_by_stop;
        while (ends.client.calls_made_now() + ends.server.calls_served_now() > 0) co_await yield();
    }
    const std::string after = co_await there.echo("after");

    REQUIRE(ended_by_stop == 150);
    REQUIRE(here.holding == 0);
    REQUIRE(after == "after");
}

CO_TEST_CASE("calls that are destroyed at any point end on both sides",
             "[rpc][connection][cancel]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    for (int steps = 0; steps < 150; ++steps) {
        {
            task_group calls;
            calls.spawn(use_every_shape(there));
            for (int i = 0; i < steps; ++i) co_await yield();
        }
        while (ends.client.calls_made_now() + ends.server.calls_served_now() > 0) co_await yield();
    }
    const std::string after = co_await there.echo("after");

    REQUIRE(here.holding == 0);
    REQUIRE(after == "after");
}
