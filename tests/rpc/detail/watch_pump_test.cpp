// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/watch_pump.hpp>

#include "../../support/co_test.hpp"
#include "../../support/fleet.hpp"
#include "../../support/settle.hpp"
#include "../../support/small_matchmaker.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using kind = rpc::watch_event_kind;
using told = result<std::optional<rpc::watch_event>, rpc::fault>;

namespace {

const rpc::name_pattern everything{"", true};

rpc::matchmaker_client_options quick(test::small_matchmaker& daemon) {
    return daemon.options().back_off(1ms, 4ms);
}

rpc::instance_id add(test::table_matchmaker& to, const std::string& where) {
    const rpc::instance_offer offer{"demo.x", where, {}, 100, {}};
    const auto id = to.table.announce(to.owner, offer)->id;
    to.moved.set();
    to.moved.reset();
    return id;
}

task<told> try_next(stream<rpc::watch_event>& changes) {
    co_return co_await rpc::try_call(changes.next());
}

task<rpc::watch_event> next_of(stream<rpc::watch_event>& changes) {
    auto event = co_await changes.next();
    co_return std::move(*event);
}

/// Resync, so many that are present, and complete.
task<std::vector<kind>> kinds(stream<rpc::watch_event>& changes, int events) {
    std::vector<kind> all;
    for (int i = 0; i < events; ++i) {
        auto event = co_await changes.next();
        all.push_back(event->kind);
    }
    co_return all;
}

}  // namespace

CO_TEST_CASE("a watch begins with all there is, and then tells each change",
             "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    add(there, "unix:/a");
    auto changes = here.watch({"demo.", true});
    auto all = co_await kinds(changes, 3);
    auto early = co_await within(10ms, try_next(changes));
    const auto id = add(there, "unix:/b");
    there.remove(id, rpc::gone_reason::process_ended);
    auto came = co_await next_of(changes);
    auto went = co_await next_of(changes);
    REQUIRE(all == std::vector<kind>{kind::resync, kind::present, kind::complete});
    REQUIRE(early.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(came.kind == kind::change);
    REQUIRE(came.change == rpc::change_kind::announced);
    REQUIRE(came.what.offer.address == "unix:/b");
    REQUIRE(went.change == rpc::change_kind::gone);
    REQUIRE(went.reason == rpc::gone_reason::process_ended);
    REQUIRE(went.what.id == id);
}

CO_TEST_CASE("a watch goes on after its connection broke, without a gap and without a resync",
             "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(quick(daemon));
    auto changes = here.watch(everything);
    auto all = co_await kinds(changes, 2);
    add(there, "unix:/a");
    auto first = co_await next_of(changes);
    daemon.cut();
    add(there, "unix:/b");
    add(there, "unix:/c");
    auto meanwhile = co_await within(10ms, try_next(changes));
    daemon.resume();
    auto second = co_await next_of(changes);
    auto third = co_await next_of(changes);
    REQUIRE(all == std::vector<kind>{kind::resync, kind::complete});
    REQUIRE(first.at.revision == 1);
    REQUIRE(meanwhile.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(second.kind == kind::change);
    REQUIRE(second.at.revision == 2);
    REQUIRE(third.what.offer.address == "unix:/c");
    REQUIRE(there.watches == 2);
}

CO_TEST_CASE("a watch begins anew after a restart, and says so", "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    add(daemon.start(), "unix:/a");
    rpc::matchmaker here(quick(daemon));
    auto changes = here.watch(everything);
    auto before = co_await kinds(changes, 3);
    add(daemon.start(), "unix:/b");
    auto edge = co_await next_of(changes);
    auto there = co_await next_of(changes);
    auto end = co_await next_of(changes);
    REQUIRE(before.back() == kind::complete);
    REQUIRE(edge.kind == kind::resync);
    REQUIRE(there.kind == kind::present);
    REQUIRE(there.what.id.epoch == 2);
    REQUIRE(end.kind == kind::complete);
    REQUIRE(end.at == rpc::table_position{2, 1});
}

CO_TEST_CASE("a watch whose position is too old begins anew, and says so",
             "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start(rpc::detail::registry_limits().history_changes_max(4));
    rpc::matchmaker here(quick(daemon));
    auto changes = here.watch(everything);
    auto all = co_await kinds(changes, 2);
    daemon.cut();
    for (int i = 0; i < 8; ++i) add(there, "unix:/" + std::to_string(i));
    daemon.resume();
    auto again = co_await kinds(changes, 10);
    REQUIRE(all.size() == 2);
    REQUIRE(again.front() == kind::resync);
    REQUIRE(again[1] == kind::present);
    REQUIRE(again.back() == kind::complete);
}

CO_TEST_CASE("a slow reader is told to begin anew, and misses nothing that is there",
             "[rpc][matchmaker][watch]") {
    constexpr int many = 3000;
    test::small_matchmaker daemon;
    using resource = rpc::detail::registry_resource;
    constexpr std::size_t plenty = std::size_t{1} << 28U;
    auto& there = daemon.start(rpc::detail::registry_limits()
                                   .watch_changes_max(64)
                                   .instances_per_name_max(many)
                                   .most(resource::instances, {many, 16 * many})
                                   .most(resource::bytes, {plenty, 16 * plenty}));
    rpc::matchmaker here(quick(daemon));
    auto changes = here.watch(everything);
    auto all = co_await kinds(changes, 2);
    // Until the connection's window is full as well, and then much more.
    for (int i = 0; i < many; ++i) {
        add(there, "unix:/" + std::string(400, 'x') + std::to_string(i));
        if (i % 32 == 0) co_await test::settle();
    }
    int resyncs = 0;
    std::vector<bool> seen(many + 1);
    std::uint64_t position = 0;
    while (position < many) {
        auto event = co_await next_of(changes);
        if (event.kind == kind::resync) {
            ++resyncs;
            seen.assign(many + 1, false);
        } else if (event.kind != kind::complete) {
            seen[event.what.id.number] = true;
        }
        if (event.kind == kind::complete || event.kind == kind::change)
            position = event.at.revision;
    }
    int missing = 0;
    for (int i = 1; i <= many; ++i) missing += seen[static_cast<std::size_t>(i)] ? 0 : 1;
    REQUIRE(all.size() == 2);
    REQUIRE(there.table.counters().watch_overflows >= 1);
    REQUIRE(resyncs >= 1);
    REQUIRE(missing == 0);
}

CO_TEST_CASE("a wait for the next event can be cancelled and repeated",
             "[rpc][matchmaker][watch][cancel]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    auto changes = here.watch(everything);
    auto all = co_await kinds(changes, 2);
    auto waiting = scope.spawn(try_next(changes));
    co_await test::settle();
    waiting.request_stop();
    auto ended = co_await waiting;
    add(there, "unix:/a");
    auto next = co_await next_of(changes);
    REQUIRE(all.size() == 2);
    REQUIRE(ended.error().code() == rpc::status::cancelled);
    REQUIRE(next.what.offer.address == "unix:/a");
}

CO_TEST_CASE("a watch that is refused ends with what the matchmaker says",
             "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    auto wrong = here.watch({"Not A Name", false});
    auto never = co_await try_next(wrong);
    there.refusal = rpc::fault(rpc::status::resource_exhausted, "256 watches");
    auto full = here.watch(everything);
    auto too_many = co_await try_next(full);
    auto over = co_await try_next(full);
    REQUIRE(never.error().code() == rpc::status::invalid_argument);
    REQUIRE(too_many.error().code() == rpc::status::resource_exhausted);
    REQUIRE(over.value() == std::nullopt);
}

CO_TEST_CASE("a watch that a limit keeps from going on is tried again",
             "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(quick(daemon));
    auto changes = here.watch(everything);
    auto all = co_await kinds(changes, 2);
    daemon.cut();
    there.refusal = rpc::fault(rpc::status::resource_exhausted, "256 watches");
    daemon.resume();
    co_await test::settle();
    there.refusal = std::nullopt;
    add(there, "unix:/a");
    auto next = co_await next_of(changes);
    REQUIRE(all.size() == 2);
    REQUIRE(next.what.offer.address == "unix:/a");
}

CO_TEST_CASE("a watch ends with its matchmaker's client", "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    daemon.start();
    std::optional<rpc::matchmaker> here;
    here.emplace(daemon.options());
    auto changes = here->watch(everything);
    auto all = co_await kinds(changes, 2);
    here.reset();
    auto ended = co_await try_next(changes);
    REQUIRE(all.size() == 2);
    REQUIRE(ended.error().code() == rpc::status::unavailable);
}

CO_TEST_CASE("a watch that is dropped is over at the matchmaker too", "[rpc][matchmaker][watch]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    {
        auto changes = here.watch(everything);
        auto all = co_await kinds(changes, 2);
        REQUIRE(all.size() == 2);
    }
    while (there.watching > 0) co_await test::settle();
    REQUIRE(there.table.counters().watches == 0);
}

TEST_CASE("a watch that fails behind its first event is begun again less and less often",
          "[rpc][matchmaker][watch][sim]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run([]() -> task<> {
            test::small_matchmaker daemon;
            auto& there = daemon.start();
            there.watch_events_most = 1;
            rpc::matchmaker here(daemon.options().back_off(10ms, 1s));
            auto changes = here.watch(everything);
            std::vector<kind> seen;
            const clock::time_point until = clock::now() + 20s;
            while (clock::now() < until) {
                auto next = co_await rpc::try_call(within(until, changes.next()));
                if (next && *next) seen.push_back((*next)->kind);
            }
            there.watch_events_most = 0;
            auto last = co_await next_of(changes);
            auto end = co_await next_of(changes);
            REQUIRE(seen.size() > 10);
            REQUIRE(seen.size() < 100);  // of a second, half is slept on average
            REQUIRE(last.kind == kind::resync);
            REQUIRE(end.kind == kind::complete);
        }());
    }
}
