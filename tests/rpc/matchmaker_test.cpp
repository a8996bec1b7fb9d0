// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker.hpp>

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/settle.hpp"
#include "../support/small_matchmaker.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using found = result<rpc::found_instances, rpc::fault>;

task<found> try_lookup(rpc::matchmaker& here, std::string name) {
    rpc::instance_query query;
    query.name = std::move(name);
    co_return co_await rpc::try_call(here.lookup(query));
}

task<found> try_find(rpc::matchmaker& here, std::string name) {
    rpc::instance_query query;
    query.name = std::move(name);
    co_return co_await rpc::try_call(here.find(query));
}

using connected = result<rpc::client<test::vessel>, rpc::fault>;

task<connected> try_connect(rpc::matchmaker& here) {
    co_return co_await rpc::try_call(here.connect<test::vessel>());
}

task<std::string> who_is_connected(rpc::matchmaker& here) {
    auto there = co_await here.connect<test::vessel>();
    co_return co_await there->who();
}

task<rpc::fault> fault_of_announcing(rpc::matchmaker& here, std::string where) {
    auto made = co_await rpc::try_call(here.announce<test::vessel>(std::move(where)));
    co_return made.error();
}

task<> until_finding(test::table_matchmaker& there, int calls) {
    while (there.finding != calls) co_await test::settle();
}

bool says(const rpc::fault& why, std::string_view words) {
    return why.text().find(words) != std::string_view::npos;
}

/// A server of its name at a Unix socket.
struct at_socket {
    explicit at_socket(std::string name) : object(std::move(name)) {
        server.offer<test::vessel>(object);
    }

    test::local_vessel object;
    rpc::server server;
};

task<unique_fd> connect_for_others(rpc::instance who) {
    const std::string path = who.offer.address.substr(5);
    auto stream = co_await unix_stream::connect(path);
    if (!stream) throw rpc::fault(rpc::status::unavailable, "nobody there");
    co_return stream->detach().value();
}

}  // namespace

CO_TEST_CASE("what was announced is found, with the position and the source of the answer",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options());
    auto nobody = co_await here.lookup<test::vessel>();
    auto how = rpc::announce_options().version(1, 2).weight(7).tag("b").tag("a");
    auto offer = co_await here.announce<test::vessel>("unix:/run/x", how);
    auto found = co_await here.lookup<test::vessel>();
    auto like = rpc::wanted().version(1, 1).tag("a");
    auto also = co_await here.lookup<test::vessel>(like);
    auto other = co_await here.lookup<test::vessel>(rpc::wanted().version(2));
    REQUIRE(nobody.instances.empty());
    REQUIRE(nobody.source == rpc::answer_source::live);
    REQUIRE(offer.is_up());
    REQUIRE(offer.id() == rpc::instance_id{1, 1});
    REQUIRE(found.at == rpc::table_position{1, 1});
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].offer == offer.offer());
    REQUIRE(found.instances[0].offer.tags == std::vector<std::string>{"a", "b"});
    REQUIRE(also.instances.size() == 1);
    REQUIRE(other.instances.empty());
}

CO_TEST_CASE("without a matchmaker verbs that do not wait fail at once and say where it would be",
             "[rpc][matchmaker]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("m");
    rpc::matchmaker here(rpc::matchmaker_client_options().at(where));
    auto looked = co_await try_lookup(here, "demo.x");
    const rpc::name_pattern everything{"", true};
    auto listed = co_await rpc::try_call(here.list(everything, std::nullopt, 16));
    auto asked = co_await rpc::try_call(here.status());
    auto waits = co_await rpc::try_call(here.waits());
    auto announced = co_await fault_of_announcing(here, "unix:/run/x");
    auto changes = here.watch(everything);
    auto watched = co_await rpc::try_call(changes.next());
    for (const rpc::fault& each : {looked.error(), listed.error(), asked.error(), waits.error(),
                                   announced, watched.error()}) {
        REQUIRE(each.code() == rpc::status::unavailable);
        REQUIRE(each.retry_safe());
        REQUIRE(std::string(each.text()) ==
                "no matchmaker: cannot connect to '" + where + "': No such file or directory");
    }
    REQUIRE_FALSE(here.is_connected());
    REQUIRE(here.where() == "'" + where + "'");
}

CO_TEST_CASE("a lookup finds a matchmaker that has just come, however long it was away",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1h, 1h));
    auto before = co_await try_lookup(here, "demo.x");
    daemon.start();
    auto after = co_await try_lookup(here, "demo.x");
    REQUIRE(before.error().code() == rpc::status::unavailable);
    REQUIRE(after.value().instances.empty());
    REQUIRE(here.is_connected());
}

CO_TEST_CASE("find waits until somebody offers the interface", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    auto finding = scope.spawn(try_find(here, "test.vessel"));
    co_await until_finding(there, 1);
    auto waits = co_await here.waits();
    const bool early = finding.is_done();
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    auto found = co_await finding;
    auto again = co_await here.find<test::vessel>();
    REQUIRE(waits.size() == 1);
    REQUIRE_FALSE(early);
    REQUIRE(found.value().instances.at(0).offer.address == "unix:/run/x");
    REQUIRE(again.instances.size() == 1);
}

CO_TEST_CASE("find waits for the matchmaker itself, and goes on after its restart",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto finding = scope.spawn(try_find(here, "test.vessel"));
    co_await test::settle();
    const bool early = finding.is_done();
    co_await until_finding(daemon.start(), 1);
    daemon.stop();
    co_await test::settle();
    const bool during = finding.is_done();
    co_await until_finding(daemon.start(), 1);
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    auto found = co_await finding;
    REQUIRE_FALSE(early);
    REQUIRE_FALSE(during);
    REQUIRE(found.value().at.epoch == 2);
}

CO_TEST_CASE("waits end with their deadline and say what was waited for", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto no_daemon = co_await within(30ms, try_find(here, "demo.x"));
    auto none_to_connect = co_await within(30ms, try_connect(here));
    daemon.start();
    while (!here.is_connected()) co_await test::come_round();  // that takes none of their time
    auto nobody = co_await within(30ms, try_find(here, "demo.x"));
    auto nowhere = co_await within(30ms, try_connect(here));
    for (const rpc::fault& each : {no_daemon.error(), none_to_connect.error()}) {
        REQUIRE(each.code() == rpc::status::deadline_exceeded);
        REQUIRE(says(each, "no matchmaker yet: cannot connect to 'daemon': not there (attempt "));
    }
    REQUIRE(nobody.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(nobody.error().text() == "nobody offers 'demo.x', says matchmaker 'daemon'");
    REQUIRE(nowhere.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(nowhere.error().text() == "nobody offers 'test.vessel', says matchmaker 'daemon'");
}

CO_TEST_CASE("waits can be cancelled", "[rpc][matchmaker][cancel]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto before = scope.spawn(try_find(here, "demo.x"));
    co_await test::settle();
    before.request_stop();
    auto no_daemon = co_await before;
    auto& there = daemon.start();
    auto finding = scope.spawn(try_find(here, "demo.x"));
    auto connecting = scope.spawn(try_connect(here));
    co_await until_finding(there, 2);
    finding.request_stop();
    connecting.request_stop();
    auto found = co_await finding;
    auto connected = co_await connecting;
    co_await until_finding(there, 0);
    REQUIRE(no_daemon.error().code() == rpc::status::cancelled);
    REQUIRE(found.error().code() == rpc::status::cancelled);
    REQUIRE(connected.error().code() == rpc::status::cancelled);
}

CO_TEST_CASE("what waits fails when the client of the matchmaker is destroyed",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    std::optional<rpc::matchmaker> here;
    here.emplace(daemon.options());
    auto finding = scope.spawn(try_find(*here, "demo.x"));
    co_await until_finding(there, 1);
    here.reset();
    auto ended = co_await finding;
    REQUIRE(ended.error().code() == rpc::status::unavailable);
    REQUIRE(says(ended.error(), "closed"));
}

CO_TEST_CASE("what can never be right is refused", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options());
    auto no_name = co_await try_lookup(here, "Not A Name");
    auto unfindable = co_await try_find(here, "Not A Name");
    auto program = co_await fault_of_announcing(here, "exec:true");
    auto relative = co_await fault_of_announcing(here, "unix:run/x");
    REQUIRE(no_name.error().code() == rpc::status::invalid_argument);
    REQUIRE(unfindable.error().code() == rpc::status::invalid_argument);
    REQUIRE(program.code() == rpc::status::invalid_argument);
    REQUIRE(relative.code() == rpc::status::invalid_argument);
}

TEST_CASE("a place that is none is refused when the client is made", "[rpc][matchmaker]") {
    scheduler sched;
    sched.run([]() -> task<> {
        REQUIRE_THROWS_AS(rpc::matchmaker(rpc::matchmaker_client_options().at("exec:true")),
                          rpc::fault);
        REQUIRE_THROWS_AS(rpc::matchmaker(rpc::matchmaker_client_options().at("list:x")),
                          rpc::fault);
        co_return;
    }());
}

// --- connecting ---------------------------------------------------------------------------------

CO_TEST_CASE("connect reaches who offers it at its address", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    daemon.start();
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    rpc::matchmaker here(daemon.options());
    auto offer = co_await here.announce<test::vessel>(at);
    auto who = co_await who_is_connected(here);
    REQUIRE(who == "one");
    REQUIRE(daemon.object().connects_asked == 0);
}

CO_TEST_CASE("connect passes by who cannot be reached, and reports it", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    rpc::matchmaker here(daemon.options());
    auto dead = co_await here.announce<test::vessel>("unix:" + folder.path("dead"));
    auto last = rpc::announce_options().weight(0);
    auto alive = co_await here.announce<test::vessel>(at, last);
    auto who = co_await who_is_connected(here);
    while (there.unreachable.empty()) co_await there.moved.wait();
    REQUIRE(who == "one");
    REQUIRE(there.unreachable.size() == 1);
    REQUIRE(there.unreachable[0] == *dead.id());
}

CO_TEST_CASE("connect waits for another instance after all were tried", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    // It is the change that ends the wait: without one it would take an hour.
    rpc::matchmaker here(daemon.options().back_off(1h, 1h));
    auto dead = co_await here.announce<test::vessel>("unix:" + folder.path("dead"));
    auto connecting = scope.spawn(who_is_connected(here));
    while (there.watching == 0) co_await test::settle();
    const bool early = connecting.is_done();
    co_await dead.withdraw();
    auto alive = co_await here.announce<test::vessel>(at);
    auto who = co_await connecting;
    REQUIRE_FALSE(early);
    REQUIRE(who == "one");
}

CO_TEST_CASE("a matchmaker at a Unix socket hands over connections", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    there.connects = connect_for_others;
    co_await daemon.server().listen("unix:" + folder.path("m"));
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    rpc::matchmaker here(rpc::matchmaker_client_options().at("unix:" + folder.path("m")));
    auto connecting = scope.spawn(who_is_connected(here));
    co_await until_finding(there, 1);
    const bool early = connecting.is_done();
    auto offer = co_await here.announce<test::vessel>(at);
    auto who = co_await connecting;
    REQUIRE_FALSE(early);
    REQUIRE(who == "one");
    REQUIRE(there.connects_asked == 1);
    REQUIRE(one.server.counters().accepted == 1);
}

CO_TEST_CASE("what cannot be handed over is reached at its address", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    co_await daemon.server().listen("unix:" + folder.path("m"));
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    rpc::matchmaker here(rpc::matchmaker_client_options().at("unix:" + folder.path("m")));
    auto offer = co_await here.announce<test::vessel>(at);
    auto who = co_await who_is_connected(here);
    REQUIRE(who == "one");
    REQUIRE(there.connects_asked == 1);
}

CO_TEST_CASE("where the matchmaker has no handles left the address is connected to",
             "[rpc][matchmaker][fault]") {
    const test::temp_dir folder;
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    there.connects = [](rpc::instance) -> task<unique_fd> {
        throw rpc::fault(rpc::status::resource_exhausted, "too many handles");
        co_return unique_fd();
    };
    co_await daemon.server().listen("unix:" + folder.path("m"));
    at_socket one("one");
    auto at = co_await one.server.listen("unix:" + folder.path("one"));
    rpc::matchmaker here(rpc::matchmaker_client_options().at("unix:" + folder.path("m")));
    auto offer = co_await here.announce<test::vessel>(at);
    auto who = co_await who_is_connected(here);
    REQUIRE(who == "one");
    REQUIRE(there.connects_asked == 1);
}

// --- a list instead of a daemon -----------------------------------------------------------------

CO_TEST_CASE("a list stands for the matchmaker", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("one");
    at_socket one("one");
    auto at = co_await one.server.listen(where);
    rpc::matchmaker here(
        rpc::matchmaker_client_options().at("list:test.vessel " + where + " weight=3; # no more"));
    auto found = co_await here.lookup<test::vessel>();
    auto offer = co_await here.announce<test::vessel>(at);
    const auto id = offer.id();
    auto elsewhere = co_await fault_of_announcing(here, "unix:/run/x");
    auto who = co_await who_is_connected(here);
    co_await offer.withdraw();
    auto nobody = co_await within(10ms, try_find(here, "demo.x"));
    REQUIRE(found.source == rpc::answer_source::file);
    REQUIRE(found.instances.at(0).offer.weight == 3);
    REQUIRE(id == found.instances.at(0).id);
    REQUIRE(elsewhere.code() == rpc::status::failed_precondition);
    REQUIRE(says(elsewhere, "does not have this: test.vessel 'unix:/run/x'"));
    REQUIRE(who == "one");
    REQUIRE(nobody.error().text() == "nobody offers 'demo.x', says matchmaker 'list:'");
}

TEST_CASE("a matchmaker that said when to come back is not asked before, whoever asks",
          "[rpc][matchmaker][sim]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run([]() -> task<> {
            test::small_matchmaker daemon;
            daemon.served_with = rpc::server_options().connections_max(1);
            daemon.start();
            std::optional<rpc::matchmaker> first(std::in_place, daemon.options());
            auto served = co_await try_lookup(*first, "demo.x");
            rpc::matchmaker here(daemon.options().back_off(1ms, 1ms));
            auto refused = co_await try_lookup(here, "demo.x");
            const std::size_t attempts = daemon.attempts.size();
            std::vector<rpc::fault> all;
            for (int i = 0; i < 50; ++i) {
                auto early = co_await try_lookup(here, "demo.x");
                all.push_back(early.error());
                co_await sleep_for(10ms);
            }
            const std::size_t attempts_then = daemon.attempts.size();
            first.reset();
            co_await sleep_for(1s);
            auto after = co_await try_lookup(here, "demo.x");
            REQUIRE(served);
            REQUIRE(refused.error().code() == rpc::status::unavailable);
            for (const rpc::fault& each : all) {
                REQUIRE(each.code() == rpc::status::unavailable);
                REQUIRE(each.retry_safe());
                REQUIRE(each.retry_after().value() > 0ms);
                REQUIRE(each.retry_after().value() <= 1s);
            }
            REQUIRE(attempts_then == attempts);
            REQUIRE(after);
        }());
    }
}
