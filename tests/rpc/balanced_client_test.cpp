// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/balanced_client.hpp>

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/settle.hpp"
#include "../support/small_matchmaker.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using balanced = rpc::balanced_client<test::vessel>;

rpc::pool_options quick(test::fleet& servers) { return servers.options().back_off(1ms, 4ms); }

task<rpc::announced> announce(rpc::matchmaker& here, std::string where,
                              std::uint32_t weight = 100) {
    const auto how = rpc::announce_options().weight(weight);
    co_return co_await here.announce<test::vessel>(std::move(where), how);
}

task<> until_connected(const balanced& there, std::size_t connections) {
    while (there.pool().connections_now() != connections) co_await test::come_round();
}

/// Who answers, of so many calls.
task<std::set<std::string>> who_answers(const balanced& there, int calls) {
    std::set<std::string> names;
    for (int i = 0; i < calls; ++i) {
        auto name = co_await there->who();
        names.insert(std::move(name));
    }
    co_return names;
}

}  // namespace

CO_TEST_CASE("a balanced client waits for servers and uses new ones at once",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    auto& a = servers.start("unix:/a");
    auto& b = servers.start("unix:/b");
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto there = here.balanced<test::vessel>({}, quick(servers));
    auto calling = scope.spawn(there->who());
    co_await test::settle();
    const bool early = calling.is_done();
    const bool knows = there.known().is_complete;
    daemon.start();
    auto first = co_await announce(here, "unix:/a");
    auto name = co_await calling;
    auto second = co_await announce(here, "unix:/b");
    co_await until_connected(there, 2);
    auto one = scope.spawn(there->wait());
    auto other = scope.spawn(there->wait());
    while (a.object.waiting != 1 || b.object.waiting != 1) co_await test::settle();
    a.object.release.set();
    b.object.release.set();
    auto names = std::set<std::string>();
    auto first_name = co_await one;
    auto second_name = co_await other;
    names.insert(first_name);
    names.insert(second_name);
    REQUIRE_FALSE(early);
    REQUIRE_FALSE(knows);
    REQUIRE(name == "unix:/a");
    REQUIRE(names.size() == 2);
    REQUIRE(there.known().is_complete);
    REQUIRE(there.known().source == rpc::answer_source::live);
    REQUIRE(there.known().instances.size() == 2);
}

CO_TEST_CASE("a balanced client leaves an instance that is gone, and keeps the others",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    auto& there = daemon.start();
    servers.start("unix:/a");
    servers.start("unix:/b");
    rpc::matchmaker here(daemon.options());
    auto first = co_await announce(here, "unix:/a");
    auto second = co_await announce(here, "unix:/b");
    auto pool = here.balanced<test::vessel>({}, quick(servers));
    co_await until_connected(pool, 2);
    there.remove(*first.id(), rpc::gone_reason::process_ended);
    co_await until_connected(pool, 1);
    auto names = co_await who_answers(pool, 8);
    REQUIRE(names == std::set<std::string>{"unix:/b"});
    REQUIRE(pool.pool().counters().reconnects == 0);
    REQUIRE(pool.known().instances.size() == 1);
}

CO_TEST_CASE("calls that were not sent move over to another instance",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    daemon.start();
    servers.start("unix:/b");
    rpc::matchmaker here(daemon.options());
    auto dead = co_await announce(here, "unix:/a");
    auto there = here.balanced<test::vessel>({}, quick(servers));
    auto calling = scope.spawn(there->once());
    while (there.pool().counters().connect_failures == 0) co_await test::come_round();
    const bool early = calling.is_done();
    auto alive = co_await announce(here, "unix:/b");
    auto name = co_await calling;
    REQUIRE_FALSE(early);
    REQUIRE(name == "unix:/b");
}

CO_TEST_CASE("while the matchmaker is away the instances known last are used, and that is visible",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    daemon.start();
    servers.start("unix:/a");
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto offer = co_await announce(here, "unix:/a");
    auto there = here.balanced<test::vessel>({}, quick(servers));
    co_await until_connected(there, 1);
    daemon.stop();
    while (here.is_connected()) co_await test::come_round();
    co_await sleep_for(20ms);
    auto name = co_await there->who();
    const auto known = there.known();
    REQUIRE(name == "unix:/a");
    REQUIRE(known.source == rpc::answer_source::cache);
    REQUIRE(known.age >= 20ms);
    REQUIRE(known.is_complete);
    REQUIRE(known.instances.size() == 1);
    REQUIRE(there.pool().counters().connects == 1);
}

CO_TEST_CASE("instances that a restarted matchmaker does not know yet are kept for a while",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    auto& there = daemon.start();
    servers.start("unix:/a");
    servers.start("unix:/b");
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms).keep_missing(1h));
    auto first = co_await announce(here, "unix:/a");
    // Of a process that does not come back.
    there.table.announce(there.owner, {"test.vessel", "unix:/b", {}, 100, {}}).value();
    auto pool = here.balanced<test::vessel>({}, quick(servers));
    co_await until_connected(pool, 2);
    daemon.start();
    co_await first.until_up();
    while (pool.known().at.epoch != 2 || pool.known().kept == 0) co_await pool.until_changed();
    const auto restarted = pool.known();
    const std::size_t connections = pool.pool().connections_now();
    REQUIRE(restarted.kept >= 1);
    REQUIRE(restarted.instances.back().offer.address == "unix:/b");
    REQUIRE(connections == 2);
    REQUIRE(pool.pool().counters().connects == 2);
}

CO_TEST_CASE("an instance that a restarted matchmaker does not hear of is kept no longer than that",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    auto& there = daemon.start();
    servers.start("unix:/a");
    servers.start("unix:/b");
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms).keep_missing(50ms));
    auto first = co_await announce(here, "unix:/a");
    there.table.announce(there.owner, {"test.vessel", "unix:/b", {}, 100, {}}).value();
    auto pool = here.balanced<test::vessel>({}, quick(servers));
    co_await until_connected(pool, 2);
    daemon.start();
    co_await first.until_up();
    while (pool.known().instances.size() != 1) co_await pool.until_changed();
    co_await until_connected(pool, 1);
    REQUIRE(pool.known().at.epoch == 2);
    REQUIRE(pool.known().kept == 0);
    REQUIRE(pool.known().instances[0].offer.address == "unix:/a");
}

CO_TEST_CASE("instances of weight 0 are used only where there is no other",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    auto& there = daemon.start();
    servers.start("unix:/a");
    servers.start("unix:/spare");
    rpc::matchmaker here(daemon.options());
    auto spare = co_await announce(here, "unix:/spare", 0);
    auto pool = here.balanced<test::vessel>({}, quick(servers));
    auto alone = co_await who_answers(pool, 4);
    auto first = co_await announce(here, "unix:/a");
    while (pool.known().instances.size() < 2) co_await pool.until_changed();
    auto both = co_await who_answers(pool, 8);
    there.remove(*first.id(), rpc::gone_reason::hung);
    while (pool.known().instances.size() > 1) co_await pool.until_changed();
    auto again = co_await who_answers(pool, 4);
    REQUIRE(alone == std::set<std::string>{"unix:/spare"});
    REQUIRE(both == std::set<std::string>{"unix:/a"});
    REQUIRE(again == std::set<std::string>{"unix:/spare"});
}

CO_TEST_CASE("a balanced client reports who cannot be reached", "[rpc][matchmaker][balanced]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    auto dead = co_await announce(here, "unix:" + folder.path("dead"));
    auto pool = here.balanced<test::vessel>();
    while (there.unreachable.empty()) co_await there.moved.wait();
    REQUIRE(there.unreachable[0] == *dead.id());
}

CO_TEST_CASE("a balanced client may outlive its matchmaker's client",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    test::fleet servers;
    daemon.start();
    servers.start("unix:/a");
    std::optional<rpc::matchmaker> here;
    here.emplace(daemon.options());
    auto offer = co_await announce(*here, "unix:/a");
    auto there = here->balanced<test::vessel>({}, quick(servers));
    co_await until_connected(there, 1);
    here.reset();
    co_await test::settle();
    auto name = co_await there->who();
    co_await there.close();
    REQUIRE(name == "unix:/a");
    REQUIRE(there.known().source == rpc::answer_source::cache);
}

CO_TEST_CASE("what can never be found is refused when a balanced client is made",
             "[rpc][matchmaker][balanced]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options());
    std::string why;
    try {
        auto there = here.balanced<test::vessel>(rpc::wanted().tag("no blanks, please"));
    } catch (const rpc::fault& refused) {
        why = refused.text();
    }
    co_await test::settle();
    REQUIRE(why.find("printable ASCII without blanks") != std::string::npos);
}
