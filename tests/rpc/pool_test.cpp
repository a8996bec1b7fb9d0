// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/pool.hpp>

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/raw_peer.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/pool_client.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using vessels = rpc::pool_client<test::vessel>;
using called = result<std::string, rpc::fault>;

rpc::pool_options quick(test::fleet& servers) { return servers.options().back_off(1ms, 4ms); }

task<called> try_who(test::vessel& there) { co_return co_await rpc::try_call(there.who()); }
task<called> try_once(test::vessel& there) { co_return co_await rpc::try_call(there.once()); }
task<called> try_wait(test::vessel& there) { co_return co_await rpc::try_call(there.wait()); }

task<> until_connected(const rpc::pool& servers, std::size_t connections) {
    while (servers.connections_now() != connections) co_await test::come_round();
}

task<> until_waiting(test::local_vessel& object, int calls) {
    while (object.waiting != calls) {
        object.changed.reset();
        co_await object.changed.wait();
    }
}

rpc::fault refusal(rpc::status code, std::optional<std::chrono::milliseconds> after = {}) {
    rpc::fault why(code, "refused");
    if (after) why.retry_after(*after);
    return why;
}

task<any_stream> never_opens() {
    event never;
    const std::error_code ended = co_await never.wait();
    throw rpc::fault(
        ended == errc::timed_out ? rpc::status::deadline_exceeded : rpc::status::cancelled,
        "cannot connect to 'a'");
}

task<called> wait_over_own_pool(test::fleet* servers) {
    vessels there({"a"}, servers->options());
    co_return co_await try_wait(*there);
}

/// On the simulated kernel only, where an hour takes no time.
void run_in_virtual_time(task<> (*body)()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(body());
    }
}

}  // namespace

CO_TEST_CASE("a call waits for a server that is not there yet", "[rpc][pool]") {
    test::fleet servers;
    vessels there({"a"}, quick(servers));
    auto calling = scope.spawn(there->who());
    while (there.pool().counters().connect_failures < 3) co_await test::come_round();
    const bool early = calling.is_done();
    servers.start("a");
    auto name = co_await calling;
    REQUIRE_FALSE(early);
    REQUIRE(name == "a");
    REQUIRE(there.pool().counters().connects == 1);
    REQUIRE(there.pool().counters().reconnects == 0);
}

CO_TEST_CASE("the deadline of a call bounds its wait for a server, and its fault says what failed",
             "[rpc][pool]") {
    test::fleet servers;
    vessels there({"a", "b"}, quick(servers));
    auto late = co_await within(30ms, try_who(*there));
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE_FALSE(late.error().may_have_run());
    const std::string text(late.error().text());
    REQUIRE(
        text.starts_with("test.vessel/who: the deadline passed before it was sent: "
                         "no server can be reached: cannot connect to 'a': not there (attempt "));
    REQUIRE(text.find("; cannot connect to 'b': not there (attempt ") != std::string::npos);
}

CO_TEST_CASE("a call that waits for a server can be cancelled", "[rpc][pool][cancel]") {
    test::fleet servers;
    vessels there({"a"}, quick(servers));
    auto calling = scope.spawn(try_who(*there));
    co_await yield();
    const bool early = calling.is_done();
    calling.request_stop();
    auto ended = co_await calling;
    REQUIRE_FALSE(early);
    REQUIRE(ended.error().code() == rpc::status::cancelled);
    REQUIRE_FALSE(ended.error().may_have_run());
}

CO_TEST_CASE("a pool that fails fast fails once each address was tried in vain, and recovers",
             "[rpc][pool]") {
    test::fleet servers;
    vessels there({"a", "b"}, quick(servers).fail_fast());
    auto first = co_await try_who(*there);
    const std::size_t tried = servers.attempts.size();
    auto second = co_await try_who(*there);
    servers.start("b");
    co_await until_connected(there.pool(), 1);
    auto third = co_await try_who(*there);
    REQUIRE(first.error().code() == rpc::status::unavailable);
    REQUIRE(first.error().retry_safe());
    REQUIRE(tried >= 2);
    REQUIRE(second.error().code() == rpc::status::unavailable);
    REQUIRE(third.value() == "b");
}

CO_TEST_CASE("an address that can never be right fails calls at once", "[rpc][pool]") {
    vessels there({"nonsense"});
    auto failed = co_await try_who(*there);
    REQUIRE(failed.error().code() == rpc::status::unavailable);
    REQUIRE(std::string(failed.error().text()).find("nonsense") != std::string::npos);
}

CO_TEST_CASE("a connection that breaks is made again", "[rpc][pool]") {
    test::fleet servers;
    servers.start("a");
    vessels there({"a"}, quick(servers));
    for (int i = 0; i < 5; ++i) {
        co_await there->who();
        servers.stop("a");
        servers.start("a");
    }
    auto name = co_await there->who();
    REQUIRE(name == "a");
    REQUIRE(there.pool().counters().reconnects == 5);
    REQUIRE(there.pool().connections_now() == 1);
}

TEST_CASE("a pool says that a connection is lost and that it makes another", "[rpc][pool][sim]") {
    std::string said;
    auto options = scheduler_options().backend(backend_kind::sim).seed(1);
    options.log([&said](log_level, std::string_view line) { said.append(line).append("\n"); });
    const auto lose_one = []() -> task<> {
        test::fleet servers;
        servers.start("a");
        vessels there({"a"}, quick(servers));
        co_await there->who();
        servers.stop("a");
        co_await until_connected(there.pool(), 0);
        co_await sleep_for(10ms);
        servers.start("a");
        co_await there->who();
    };
    scheduler(options).run(lose_one());
    REQUIRE(said ==
            "lost the connection to 'a': the peer closed the connection; connecting again\n"
            "cannot connect to 'a': not there; trying again\n"
            "'a': connected again\n");
}

CO_TEST_CASE("a call under way on a connection that breaks is made again if it is idempotent",
             "[rpc][pool][retry]") {
    test::fleet servers;
    auto& first = servers.start("a");
    vessels there({"a"}, quick(servers));
    auto waits = scope.spawn(try_wait(*there));
    co_await until_waiting(first.object, 1);
    servers.stop("a");
    auto& second = servers.start("a");
    co_await until_waiting(second.object, 1);
    const bool early = waits.is_done();
    second.object.release.set();
    auto name = co_await waits;
    REQUIRE_FALSE(early);
    REQUIRE(name.value() == "a");
    REQUIRE(there.pool().counters().retries == 1);
}

CO_TEST_CASE("what may have run and is not idempotent is not made again", "[rpc][pool][retry]") {
    test::fleet servers;
    auto& a = servers.start("a");
    a.object.refusals = 1;
    a.object.refusal = refusal(rpc::status::unavailable);
    vessels there({"a"}, quick(servers));
    auto failed = co_await try_once(*there);
    REQUIRE(failed.error().code() == rpc::status::unavailable);
    REQUIRE(failed.error().may_have_run());
    REQUIRE(a.object.calls == 1);
    REQUIRE(there.pool().counters().retries == 0);
}

CO_TEST_CASE("an idempotent call is made three times at most, and says that it may have run",
             "[rpc][pool][retry]") {
    test::fleet servers;
    auto& a = servers.start("a");
    a.object.refusals = 5;
    a.object.refusal = refusal(rpc::status::unavailable);
    vessels there({"a"}, quick(servers).retry_wait(1ms, 2ms));
    auto failed = co_await try_who(*there);
    const int calls = a.object.calls;
    auto good = co_await try_who(*there);
    REQUIRE(failed.error().code() == rpc::status::unavailable);
    REQUIRE(failed.error().may_have_run());
    REQUIRE(failed.error().retry_safe());
    REQUIRE(calls == 3);
    REQUIRE(good.value() == "a");  // the fifth refusal, and then the answer
    REQUIRE(there.pool().counters().retries == 4);
}

CO_TEST_CASE("an error of the application is an answer: it is not asked for again",
             "[rpc][pool][retry]") {
    test::fleet servers;
    auto& a = servers.start("a");
    a.object.refusals = 1;
    a.object.refusal = refusal(rpc::status::not_found);
    vessels there({"a"}, quick(servers));
    auto failed = co_await try_who(*there);
    REQUIRE(failed.error().code() == rpc::status::not_found);
    REQUIRE(a.object.calls == 1);
}

CO_TEST_CASE("a call with a stream as parameter is not made again", "[rpc][pool][retry]") {
    test::fleet servers;
    auto& a = servers.start("a");
    a.object.refusals = 1;
    a.object.refusal = refusal(rpc::status::unavailable);
    vessels there({"a"}, quick(servers));
    stream<std::uint32_t> numbers = a.object.count(3);
    auto failed = co_await rpc::try_call(there->sum(std::move(numbers)));
    REQUIRE(failed.error().code() == rpc::status::unavailable);
    REQUIRE(there.pool().counters().retries == 0);
}

TEST_CASE("a server that says when to come back is asked then, and not before",
          "[rpc][pool][retry][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        test::fleet servers;
        auto& a = servers.start("a");
        a.object.refusals = 1;
        a.object.refusal = refusal(rpc::status::resource_exhausted, 5s);
        vessels there({"a"}, servers.options());
        const auto before = clock::now();
        auto name = co_await try_who(*there);
        const auto took = clock::now() - before;
        REQUIRE(name.value() == "a");
        REQUIRE(took >= 5s);
        REQUIRE(took < 6s);
        REQUIRE(there.pool().counters().pushbacks == 1);
    });
}

TEST_CASE("a call is not made again past its deadline, nor by a server that asks for too long",
          "[rpc][pool][retry][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        test::fleet servers;
        auto& a = servers.start("a");
        a.object.refusals = 3;
        a.object.refusal = refusal(rpc::status::unavailable, 5s);
        vessels there({"a"}, servers.options());
        const auto before = clock::now();
        auto bounded = co_await within(4s, try_who(*there));
        a.object.refusal = refusal(rpc::status::unavailable, 61s);
        auto never = co_await try_who(*there);
        a.object.refusal =
            refusal(rpc::status::resource_exhausted);  // and does not say for how long
        auto full = co_await try_who(*there);
        const auto took = clock::now() - before;
        REQUIRE(bounded.error().code() == rpc::status::unavailable);
        REQUIRE(never.error().code() == rpc::status::unavailable);
        REQUIRE(full.error().code() == rpc::status::resource_exhausted);
        REQUIRE(a.object.calls == 3);
        REQUIRE(took < 1s);
    });
}

TEST_CASE("the pause before connecting grows with each connection that gave no good answer",
          "[rpc][pool][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        test::fleet servers;
        servers.take("a", [](any_stream over) { any_stream dropped = std::move(over); });
        vessels there({"a"}, servers.options());
        co_await sleep_for(100s);
        // 50 ms doubled eight times is above 10 s; then 5 s on average.
        REQUIRE(servers.attempts.size() >= 12);
        REQUIRE(servers.attempts.size() <= 80);
        const auto attempts = servers.attempts.size();
        REQUIRE(there.pool().counters().connects == attempts);
    });
}

TEST_CASE("a good answer makes the pause short again", "[rpc][pool][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        test::fleet servers;
        vessels there({"a"}, servers.options());
        co_await sleep_for(100s);
        servers.start("a");
        co_await there->who();
        servers.stop("a");
        servers.start("a");
        const auto before = clock::now();
        co_await there->who();
        REQUIRE(clock::now() - before <= 60ms);
    });
}

TEST_CASE("who goes and says when to come back is called then, and not before",
          "[rpc][pool][drain][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        test::fleet servers;
        std::vector<std::unique_ptr<test::raw_peer>> peers;
        servers.take("a", [&](any_stream over) {
            peers.push_back(std::make_unique<test::raw_peer>(std::move(over)));
        });
        vessels there({"a"}, servers.options());
        co_await until_connected(there.pool(), 1);
        const auto goaway =
            rpc::detail::make_goaway(rpc::detail::goaway_reason::draining, 0, 5000, "later");
        const auto words = test::joined({test::greeting(), {goaway.begin(), goaway.end()}});
        const bool sent = co_await peers[0]->send(words);
        co_await sleep_for(10s);
        REQUIRE(sent);
        REQUIRE(servers.attempts.size() == 2);
        const auto apart = servers.attempts[1].at - servers.attempts[0].at;
        REQUIRE(apart >= 5s);
        REQUIRE(apart < 6s);
        REQUIRE(there.pool().counters().goaways == 1);
        REQUIRE(there.pool().counters().pushbacks == 1);
    });
}

TEST_CASE("an attempt to connect has its time, and Unix sockets are tried without growing pauses",
          "[rpc][pool][sim]") {
    run_in_virtual_time(+[]() -> task<> {
        rpc::pool_options hanging;
        hanging.connect_within(1s).opens_by([](std::string) { return never_opens(); });
        vessels slow({"a"}, hanging);
        vessels missing({"unix:/run/nobody"});
        auto late = co_await within(10s, try_who(*slow));
        REQUIRE_THAT(std::string(late.error().text()), Catch::Contains("1000 ms (connect_within)"));
        REQUIRE(slow.pool().counters().connect_failures >= 3);
        REQUIRE(slow.pool().counters().connect_failures <= 10);
        REQUIRE(missing.pool().counters().connect_failures >= 10'000 / 50);
    });
}

CO_TEST_CASE("a handle in the first call waits for the server's greeting", "[rpc][pool]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    rpc::pool_client<test::subject> here({where});
    auto [reader, writer] = make_pipe().value();
    writer.close();
    unique_fd handle = reader.detach().value();
    auto text = co_await here->read_all(std::move(handle));
    co_await here.close();
    REQUIRE(text.empty());
    REQUIRE(here.pool().counters().connects == 1);
}

CO_TEST_CASE("a stop that reaches the context of a pool ends it and its calls",
             "[rpc][pool][cancel]") {
    test::fleet servers;
    auto& a = servers.start("a");
    auto using_it = scope.spawn(wait_over_own_pool(&servers));
    co_await until_waiting(a.object, 1);
    const bool early = using_it.is_done();
    using_it.request_stop();
    auto ended = co_await using_it;
    REQUIRE_FALSE(early);
    REQUIRE(ended.error().code() == rpc::status::cancelled);
}

CO_TEST_CASE("a server that drains gets no new calls, and ends those it has",
             "[rpc][pool][drain]") {
    test::fleet servers;
    auto& going = servers.start("a");
    auto& staying = servers.start("b");
    vessels there({"a", "b"}, quick(servers));
    co_await until_connected(there.pool(), 2);
    std::vector<child<called>> held;
    held.push_back(scope.spawn(try_wait(*there)));
    held.push_back(scope.spawn(try_wait(*there)));
    while (going.object.waiting + staying.object.waiting < 2) co_await test::come_round();
    const int on_going = going.object.waiting;
    auto draining = scope.spawn(going.server.drain());
    co_await until_connected(there.pool(), 1);
    for (int i = 0; i < 20; ++i) {
        auto name = co_await there->who();
        REQUIRE(name == "b");
    }
    const bool early = draining.is_done();
    going.object.release.set();
    staying.object.release.set();
    co_await draining;
    int from_going = 0;
    for (auto& each : held) {
        auto name = co_await each;
        if (name.value() == "a") ++from_going;
    }
    REQUIRE(on_going == 1);  // an idle connection is preferred
    REQUIRE_FALSE(early);
    REQUIRE(from_going == 1);
    REQUIRE(there.pool().counters().goaways == 1);
    REQUIRE(there.pool().counters().retries == 0);
}

CO_TEST_CASE("the replacement of a server that drains is connected at once", "[rpc][pool][drain]") {
    test::fleet servers;
    auto& first = servers.start("a");
    // Whoever is not connected at once waits for an hour.
    vessels there({"a"}, servers.options().back_off(3'600'000ms, 3'600'000ms));
    co_await there->who();
    auto held = scope.spawn(try_wait(*there));
    co_await until_waiting(first.object, 1);
    test::fleet next;
    auto& second = next.start("a");
    servers.take("a", [&](any_stream over) { second.server.serve(std::move(over)); });
    auto draining = scope.spawn(first.server.drain());
    while (there.pool().counters().goaways == 0) co_await test::come_round();
    co_await there->who();
    const bool early = held.is_done();
    first.object.release.set();
    auto name = co_await held;
    co_await draining;
    REQUIRE_FALSE(early);
    REQUIRE(name.value() == "a");
    REQUIRE(second.object.calls == 1);
    REQUIRE(there.pool().counters().reconnects == 1);
}

CO_TEST_CASE("addresses may change: those that stay keep their connection, others drain",
             "[rpc][pool]") {
    test::fleet servers;
    auto& a = servers.start("a");
    servers.start("b");
    servers.start("c");
    vessels there({"a", "b"}, quick(servers));
    co_await until_connected(there.pool(), 2);
    auto one = scope.spawn(try_wait(*there));
    auto other = scope.spawn(try_wait(*there));
    co_await until_waiting(a.object, 1);
    there.pool().set_addresses({"b", "c", "c"});
    co_await until_connected(there.pool(), 2);
    std::map<std::string, int> answers;
    for (int i = 0; i < 40; ++i) {
        auto name = co_await there->who();
        ++answers[name];
    }
    const int still_there = a.object.waiting;
    a.object.release.set();
    const std::size_t attempts = servers.attempts.size();
    there.pool().set_addresses({});
    auto none = co_await within(5ms, try_who(*there));
    REQUIRE(still_there == 1);
    REQUIRE_FALSE(answers.contains("a"));
    REQUIRE(answers.contains("c"));
    REQUIRE(attempts == 3);
    REQUIRE(none.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(std::string(none.error().text()).ends_with("the pool has no addresses"));
    one.request_stop();
    other.request_stop();
    const auto end_of_one = co_await one;
    static_cast<void>(end_of_one);
    const auto end_of_other = co_await other;
    static_cast<void>(end_of_other);
}

CO_TEST_CASE("calls beyond what all connections take wait in order", "[rpc][pool]") {
    test::fleet servers;
    auto& a = servers.start("a");
    vessels there({"a"}, quick(servers).connections_per_address(2));
    co_await until_connected(there.pool(), 2);
    std::vector<child<called>> held;
    for (int i = 0; i < 300; ++i) held.push_back(scope.spawn(try_wait(*there)));
    while (a.object.waiting < 256) co_await test::come_round();
    const std::size_t under_way = there.pool().calls_made_now();
    auto late = co_await within(5ms, try_who(*there));
    a.object.release.set();
    int good = 0;
    for (auto& each : held) {
        auto name = co_await each;
        if (name) ++good;
    }
    REQUIRE(under_way == 256);
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(std::string(late.error().text())
                .ends_with("all 2 connections are full, with 256 calls under way"));
    REQUIRE(good == 300);
}

// In simulation, where no call takes long because this process is off the CPU.
TEST_CASE("the slower of two servers gets few calls", "[rpc][pool][balance][sim]") {
    const auto body = []() -> task<> {
        test::fleet servers;
        auto& slow = servers.start("slow");
        auto& fast = servers.start("fast");
        slow.object.refusals = 1'000'000;  // each counts as 100 ms
        slow.object.refusal = refusal(rpc::status::unavailable);
        vessels there({"slow", "fast"}, quick(servers).tries_max(1));
        co_await until_connected(there.pool(), 2);
        for (int i = 0; i < 200; ++i) {
            const auto ended = co_await try_who(*there);
            static_cast<void>(ended);
        }
        REQUIRE(slow.object.calls + fast.object.calls == 200);
        REQUIRE(slow.object.calls >= 1);
        REQUIRE(slow.object.calls <= 20);
    };
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(body());
    }
}

CO_TEST_CASE("calls are spread over equal servers by what each has under way",
             "[rpc][pool][balance]") {
    test::fleet servers;
    auto& a = servers.start("a");
    auto& b = servers.start("b");
    vessels there({"a", "b"}, quick(servers));
    co_await until_connected(there.pool(), 2);
    std::vector<child<called>> held;
    for (int i = 0; i < 100; ++i) held.push_back(scope.spawn(try_wait(*there)));
    while (a.object.waiting + b.object.waiting < 100) co_await test::come_round();
    const int apart = std::abs(a.object.waiting - b.object.waiting);
    a.object.release.set();
    b.object.release.set();
    for (auto& each : held) {
        const auto ended = co_await each;
        static_cast<void>(ended);
    }
    REQUIRE(apart <= 2);
}

CO_TEST_CASE("draining a pool lets calls end, fails those that wait and takes no more",
             "[rpc][pool][drain]") {
    test::fleet servers;
    auto& a = servers.start("a");
    vessels there({"a"}, quick(servers));
    std::vector<child<called>> held;
    for (int i = 0; i < 128; ++i) held.push_back(scope.spawn(try_wait(*there)));
    while (a.object.waiting < 128) co_await test::come_round();
    auto waits = scope.spawn(try_who(*there));
    co_await test::settle();
    const bool waited = !waits.is_done();
    auto closing = scope.spawn(there.close());
    auto refused = co_await waits;
    auto late = co_await try_who(*there);
    const bool early = closing.is_done();
    a.object.release.set();
    co_await closing;
    int good = 0;
    for (auto& each : held) {
        auto name = co_await each;
        if (name) ++good;
    }
    REQUIRE(waited);
    REQUIRE(refused.error().code() == rpc::status::unavailable);
    REQUIRE(std::string(late.error().text()) == "test.vessel/who: not sent: the pool is closed");
    REQUIRE_FALSE(early);
    REQUIRE(good == 128);
    REQUIRE(there.pool().connections_now() == 0);
}

CO_TEST_CASE("draining a pool ends its calls when its own time is up", "[rpc][pool][drain]") {
    test::fleet servers;
    auto& a = servers.start("a");
    vessels there({"a"}, quick(servers).tries_max(1));
    auto held = scope.spawn(try_wait(*there));
    co_await until_waiting(a.object, 1);
    co_await within(5ms, there.close());
    auto ended = co_await held;
    REQUIRE(ended.error().code() == rpc::status::unavailable);
}

CO_TEST_CASE("destroying a pool ends all its calls once, wherever they are", "[rpc][pool]") {
    test::fleet servers;
    auto& a = servers.start("a");
    std::optional<vessels> there;
    there.emplace(std::vector<std::string>{"a"}, quick(servers));
    std::vector<child<called>> held;
    for (int i = 0; i < 200; ++i) held.push_back(scope.spawn(try_wait(**there)));
    while (a.object.waiting < 128) co_await test::come_round();
    // Some wait to be made again.
    servers.stop("a");
    co_await yield();
    there.reset();
    for (auto& each : held) {
        auto ended = co_await each;
        REQUIRE(ended.error().code() == rpc::status::unavailable);
    }
}

CO_TEST_CASE("a stream goes over a pool, and is not begun again where it breaks", "[rpc][pool]") {
    test::fleet servers;
    servers.start("a");
    vessels there({"a"}, quick(servers));
    stream<std::uint32_t> numbers = there->count(1'000'000);
    auto first = co_await numbers.next();
    servers.stop("a");
    std::uint32_t last = *first;
    std::optional<rpc::fault> why;
    while (!why) {
        auto item = co_await rpc::try_call(numbers.next());
        if (!item) {
            why = item.error();
        } else {
            REQUIRE(**item == last + 1);
            last = **item;
        }
    }
    REQUIRE(why->code() == rpc::status::unavailable);
    REQUIRE(there.pool().counters().retries == 0);
}
