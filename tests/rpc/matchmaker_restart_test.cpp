// SPDX-License-Identifier: BSL-1.0
//
// The verbs of matchmaker.hpp against a matchmaker as conduitd runs it: hand-over, deaths of
// servers, and restarts.

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using kind = rpc::watch_event_kind;

namespace {

rpc::matchmaker_client_options quick(const test::matchmaker_place& there) {
    return rpc::matchmaker_client_options().at(there.where).back_off(1ms, 8ms);
}

/// A server of its name at a Unix socket, announced.
class offering {
public:
    offering(std::string name, const rpc::matchmaker_client_options& where)
        : object(std::move(name)), here(where) {
        server.offer<test::vessel>(object);
    }

    task<> open(std::string at) {
        auto place = co_await server.listen(std::move(at));
        auto made = co_await here.announce<test::vessel>(place);
        offer.emplace(std::move(made));
    }

    test::local_vessel object;
    rpc::server server;
    rpc::matchmaker here;
    std::optional<rpc::announced> offer;
};

task<std::string> who_is_connected(rpc::matchmaker& here) {
    auto there = co_await here.connect<test::vessel>();
    co_return co_await there->who();
}

/// Announced at the matchmaker of its first argument, at the address that is its second.
task<> serve_announced(std::string matchmaker, std::string where) {
    offering mine(where, rpc::matchmaker_client_options().at(matchmaker));
    co_await mine.open(where);
    co_await mine.server.run();
}

const test::helper serves("serves an announced vessel until it is killed",
                          [](const test::helper_arguments& given) {
                              run(serve_announced(given.at(0), given.at(1)));
                              return 0;
                          });

test::child_process start(const test::matchmaker_place& matchmaker, const std::string& where) {
    return test::child_process::helper("serves an announced vessel until it is killed",
                                       {matchmaker.where, where});
}

}  // namespace

CO_TEST_CASE("a matchmaker hands over a connection to who has only just come",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    rpc::matchmaker here(quick(there));
    auto connecting = scope.spawn(who_is_connected(here));
    co_await test::settle();
    const bool early = connecting.is_done();
    offering one("one", quick(there));
    co_await one.open("unix:" + there.folder.path("one"));
    auto who = co_await connecting;
    auto found = co_await here.find<test::vessel>();
    REQUIRE_FALSE(early);
    REQUIRE(who == "one");
    REQUIRE(found.instances.at(0).id == one.offer->id());
    REQUIRE(found.instances.at(0).owner.uid == current_kernel().effective_user());
}

CO_TEST_CASE("offers come back after a restart, and watches see no gap", "[rpc][matchmaker]") {
    const test::temp_dir state;
    test::matchmaker_place there(rpc::matchmaker_options().state(state.path()));
    co_await there.start();
    offering one("one", quick(there));
    co_await one.open("unix:" + there.folder.path("one"));
    rpc::matchmaker here(quick(there));
    auto changes = here.watch({"test.", true});
    auto before = co_await test::until_complete(changes);
    const std::uint64_t epoch = before.back().at.epoch;
    there.destroy();
    auto away = co_await rpc::try_call(within(10ms, changes.next()));
    co_await there.restart();
    auto after = co_await test::until_complete(changes);
    while (one.offer->times() < 2) co_await test::come_round();
    auto found = co_await here.find<test::vessel>();
    auto who = co_await who_is_connected(here);
    REQUIRE(before.size() == 3);
    REQUIRE(away.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(after.front().kind == kind::resync);
    REQUIRE(after.back().at.epoch > epoch);
    REQUIRE(one.offer->is_up());
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == one.offer->id());
    REQUIRE(who == "one");
}

CO_TEST_CASE("a balanced client keeps its connections over a restart of the matchmaker",
             "[rpc][matchmaker][balanced]") {
    test::matchmaker_place there;  // which keeps nothing
    co_await there.start();
    offering one("one", quick(there));
    co_await one.open("unix:" + there.folder.path("one"));
    rpc::matchmaker here(quick(there));
    auto vessels = here.balanced<test::vessel>();
    auto first = co_await vessels->who();
    const auto before = vessels.known();
    there.destroy();
    // Without a state epochs follow the clock, which stands still in simulation.
    co_await sleep_for(2ms);
    co_await there.restart();
    while (vessels.known().at.epoch == before.at.epoch) co_await vessels.until_changed();
    auto second = co_await vessels->who();
    while (one.offer->times() < 2) co_await test::come_round();
    while (vessels.known().kept > 0) co_await vessels.until_changed();
    auto third = co_await vessels->who();
    REQUIRE(before.instances.size() == 1);
    REQUIRE(first == "one");
    REQUIRE(second == "one");
    REQUIRE(third == "one");
    REQUIRE(vessels.known().source == rpc::answer_source::live);
    REQUIRE(vessels.pool().counters().connects == 1);
}

CO_TEST_CASE("who is killed is left at once, and its calls go to the others",
             "[rpc][matchmaker][balanced]") {
    test::needs_processes();
    test::matchmaker_place there;
    co_await there.start();
    const std::string first_at = "unix:" + there.folder.path("first");
    const std::string second_at = "unix:" + there.folder.path("second");
    auto first = start(there, first_at);
    auto second = start(there, second_at);
    rpc::matchmaker here(quick(there));
    auto vessels = here.balanced<test::vessel>();
    auto changes = here.watch({"test.vessel", false});
    while (vessels.known().instances.size() < 2) co_await vessels.until_changed();
    while (vessels.pool().connections_now() < 2) co_await test::come_round();
    const std::int32_t first_pid = first.pid();
    first.kill();
    std::set<std::string> names;
    for (int i = 0; i < 20; ++i) {
        auto name = co_await vessels->who();
        names.insert(std::move(name));
    }
    auto gone = co_await test::until_change(changes, rpc::change_kind::gone);
    while (vessels.known().instances.size() > 1) co_await vessels.until_changed();
    auto found = co_await here.lookup<test::vessel>();
    second.kill();
    REQUIRE(names.count(second_at) == 1);
    REQUIRE(gone.reason == rpc::gone_reason::process_ended);
    REQUIRE(gone.what.offer.address == first_at);
    REQUIRE(gone.what.owner.pid == first_pid);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].offer.address == second_at);
}

CO_TEST_CASE("an offer that is dropped is withdrawn at once", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    offering one("one", quick(there));
    co_await one.open("unix:" + there.folder.path("one"));
    rpc::matchmaker here(quick(there));
    auto changes = here.watch({"test.vessel", false});
    auto before = co_await test::until_complete(changes);
    one.offer.reset();
    auto left = co_await test::until_change(changes, rpc::change_kind::changed);
    auto nobody = co_await here.lookup<test::vessel>();
    REQUIRE(before.size() == 3);
    REQUIRE(left.what.state == rpc::instance_state::leaving);
    REQUIRE(nobody.instances.empty());
}

CO_TEST_CASE("what is offered where nobody listens is refused, until somebody does",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    const std::string where = "unix:" + there.folder.path("late");
    rpc::matchmaker here(quick(there));
    auto refused = co_await rpc::try_call(here.announce<test::vessel>(where));
    const auto how = rpc::announce_options().in_background();
    auto offer = co_await here.announce<test::vessel>(where, how);
    while (offer.why().empty()) co_await test::come_round();
    const std::string why = offer.why();
    auto socket = there.listen("late");
    auto ended = co_await offer.until_up();
    REQUIRE_FALSE(refused.has_value());
    REQUIRE(std::string(refused.error().text()).find(there.folder.path("late")) !=
            std::string::npos);
    REQUIRE(why == refused.error().text());
    REQUIRE_FALSE(ended);
    REQUIRE(offer.times() == 1);
}
