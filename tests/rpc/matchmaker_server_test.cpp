// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_server.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr const char* echo = "demo.echo";

bool says(const rpc::fault& why, std::string_view words) {
    return why.text().find(words) != std::string_view::npos;
}

task<rpc::fault> fault_of_announcing(rpc::matchmaker_interface& at, std::string address) {
    rpc::instance_offer offer;
    offer.name = echo;
    offer.address = std::move(address);
    auto tried = co_await rpc::try_call(at.announce(std::move(offer)));
    co_return tried ? rpc::fault(rpc::status::ok, "announced") : tried.error();
}

task<rpc::status> status_of_finding(rpc::matchmaker_interface& at, int number) {
    const rpc::instance_query query = test::query_of("demo.n" + std::to_string(number));
    auto found = co_await rpc::try_call(at.find(query));
    co_return found ? rpc::status::ok : found.error().code();
}

task<std::string> read_words(unix_listener& at) {
    auto peer = co_await at.accept();
    std::vector<std::byte> room(64);
    auto got = co_await peer->read_some(std::span(room));
    co_return std::string(reinterpret_cast<const char*>(room.data()), *got);
}

}  // namespace

CO_TEST_CASE("what is announced is found, changed, and left", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto found = co_await client->lookup(test::query_of(echo));
    rpc::instance_update heavier;
    heavier.weight = 7;
    heavier.tags = {"zone=eu"};
    auto updated = co_await service->update(announced.id, heavier);
    auto changed = co_await client->lookup(test::query_of(echo));
    auto left = co_await service->withdraw(announced.id);
    auto nobody = co_await client->lookup(test::query_of(echo));
    auto all = co_await client->list(test::all_names(), std::nullopt, 10);
    REQUIRE(found.source == rpc::answer_source::live);
    REQUIRE(found.at == announced.at);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == announced.id);
    REQUIRE(found.instances[0].offer.address == socket.address());
    REQUIRE(found.instances[0].owner.uid == current_kernel().effective_user());
    REQUIRE(updated.revision == announced.at.revision + 1);
    REQUIRE(changed.instances[0].offer.weight == 7);
    REQUIRE(left.revision == updated.revision + 1);
    REQUIRE(nobody.instances.empty());
    REQUIRE(all.instances.size() == 1);
    REQUIRE(all.instances[0].state == rpc::instance_state::leaving);
}

CO_TEST_CASE("who is refused what it announces costs the matchmaker nothing after that",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    there.server->use_policy(rpc::matchmaker_policy::parse("demo.* anyone", "a test").value());
    co_await there.start();
    auto service = co_await there.connect();
    auto socket = there.listen("echo");
    auto not_allowed = co_await rpc::try_call(service->announce(socket.offer("other.echo")));
    rpc::instance_offer nowhere = socket.offer("demo.echo");
    nowhere.address = "unix:" + there.folder.path("nobody");
    auto not_there = co_await rpc::try_call(service->announce(nowhere));
    auto status = co_await service->status();
    const std::uint64_t refused = status.counts["announcers"];
    static_cast<void>(co_await service->announce(socket.offer("demo.echo")));
    status = co_await service->status();
    REQUIRE(not_allowed.error().code() == rpc::status::permission_denied);
    REQUIRE(not_there.error().code() == rpc::status::unavailable);
    REQUIRE(refused == 0);
    REQUIRE(status.counts["announcers"] == 1);
}

CO_TEST_CASE("an instance goes with its connection, and watchers are told why",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto kept = there.listen("kept");
    auto withdrawn = there.listen("withdrawn");
    auto watch = client->watch(test::all_names(), std::nullopt);
    auto before = co_await test::until_complete(watch);
    auto first = co_await service->announce(kept.offer("demo.kept"));
    auto second = co_await service->announce(withdrawn.offer("demo.withdrawn"));
    static_cast<void>(co_await service->withdraw(second.id));
    co_await service.close();
    auto one = co_await test::until_change(watch, rpc::change_kind::gone);
    auto other = co_await test::until_change(watch, rpc::change_kind::gone);
    auto found = co_await client->lookup(test::query_of("demo.kept"));
    REQUIRE(before.size() == 2);
    REQUIRE(before[0].kind == rpc::watch_event_kind::resync);
    REQUIRE(one.what.id == first.id);
    REQUIRE(one.reason == rpc::gone_reason::connection_lost);
    REQUIRE(other.what.id == second.id);
    REQUIRE(other.reason == rpc::gone_reason::withdrawn);
    REQUIRE(one.at.revision + 1 == other.at.revision);
    REQUIRE(found.instances.empty());
}

CO_TEST_CASE("find waits until somebody offers it", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    auto finding = scope.spawn(client->find(test::query_of(echo)));
    co_await test::settle();
    auto seen = co_await client->waits(0, 0);  // behind it on the same connection
    const bool early = finding.is_done();
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto found = co_await finding;
    auto none = co_await client->waits(0, 0);
    REQUIRE_FALSE(early);
    REQUIRE(seen.size() == 1);
    REQUIRE(seen[0].name == echo);
    REQUIRE(seen[0].pid != 0);
    REQUIRE(none.empty());
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == announced.id);
}

CO_TEST_CASE("a find that is given up waits no longer", "[rpc][matchmaker][cancel]") {
    test::matchmaker_place there;
    co_await there.start();
    auto client = co_await there.connect();
    auto late = co_await rpc::try_call(within(10ms, client->find(test::query_of(echo))));
    auto other = co_await there.connect();
    auto waits = co_await client->waits(0, 0);
    while (!waits.empty()) waits = co_await client->waits(0, 0);
    auto status = co_await other->status();
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(status.counts["waits"] == 0);
}

CO_TEST_CASE("connect waits for a service, and hands over a connection to it",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("handles of sockets are not simulated");
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    auto connecting = scope.spawn(client->connect(test::query_of(echo)));
    co_await test::settle();
    auto waits = co_await client->waits(0, 0);
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto looked = co_await socket.listener().accept();  // the matchmaker, whether it is ours
    auto made = co_await connecting;
    auto stream = unix_stream::adopt(std::move(made.stream)).value();
    auto reading = scope.spawn(read_words(socket.listener()));
    auto sent = co_await write_all(stream, bytes_of("hello"));
    auto words = co_await reading;
    REQUIRE(waits.size() == 1);
    REQUIRE(looked);
    REQUIRE(made.who.id == announced.id);
    REQUIRE(sent);
    REQUIRE(words == "hello");
}

CO_TEST_CASE("connect goes to the next one where nobody listens", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("handles of sockets are not simulated");
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto dead = there.listen("dead");
    auto alive = there.listen("alive");
    rpc::instance_offer preferred = dead.offer("demo.echo");
    preferred.weight = rpc::weight_max;
    rpc::instance_offer other = alive.offer("demo.echo");
    other.weight = 0;
    auto first = co_await service->announce(preferred);
    auto second = co_await service->announce(other);
    dead.close();
    auto made = co_await client->connect(test::query_of(echo));
    auto found = co_await client->lookup(test::query_of(echo));
    REQUIRE(made.who.id == second.id);
    REQUIRE(made.stream);
    REQUIRE(found.instances.size() == 2);
    REQUIRE(found.instances[0].id == second.id);
    REQUIRE(found.instances[1].id == first.id);
    REQUIRE(found.instances[1].state == rpc::instance_state::suspect);
}

CO_TEST_CASE("what nobody can be connected to is announced by nobody", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto client = co_await there.connect();
    auto nobody = co_await fault_of_announcing(*client, "unix:" + there.folder.path("none"));
    auto program = co_await fault_of_announcing(*client, "exec:/bin/true");
    auto relative = co_await fault_of_announcing(*client, "unix:x");
    REQUIRE(nobody.code() == rpc::status::unavailable);
    REQUIRE(says(nobody, "nobody accepts at 'unix:"));
    REQUIRE(program.code() == rpc::status::invalid_argument);
    REQUIRE(relative.code() == rpc::status::invalid_argument);
    if (!test::is_real()) co_return;
    auto elsewhere = co_await fault_of_announcing(*client, "tcp:192.0.2.1:80");
    auto named = co_await fault_of_announcing(*client, "tcp:example.org:80");
    auto any = co_await fault_of_announcing(*client, "tcp:0.0.0.0:80");
    auto here = co_await fault_of_announcing(*client, "tcp:127.0.0.1:80");
    REQUIRE(says(elsewhere, "no address of this host"));
    REQUIRE(says(named, "is a number, or localhost"));
    REQUIRE(says(any, "any address of a host"));
    REQUIRE(here.text() == "announced");
}

CO_TEST_CASE("over TCP one may ask, and not announce", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("no TCP in simulation");
    test::matchmaker_place there;
    co_await there.start();
    auto at = co_await there.server->server().listen("tcp:127.0.0.1:0");
    auto remote = co_await test::connect_matchmaker(to_string(at));
    auto socket = there.listen("echo");
    auto found = co_await remote->lookup(test::query_of(echo));
    auto refused = co_await fault_of_announcing(*remote, socket.address());
    auto no_handles = co_await rpc::try_call(remote->connect(test::query_of(echo)));
    REQUIRE(found.instances.empty());
    REQUIRE(refused.code() == rpc::status::permission_denied);
    REQUIRE(says(refused, "over Unix sockets only"));
    REQUIRE(no_handles.error().code() == rpc::status::failed_precondition);
}

CO_TEST_CASE("who is reported to be unreachable is looked at, and comes back",
             "[rpc][matchmaker]") {
    test::matchmaker_place there(rpc::matchmaker_options().ping_every(20ms).gone_after(1000));
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    std::optional<test::announced_socket> socket(there.listen("echo"));
    auto announced = co_await service->announce(socket->offer("demo.echo"));
    co_await client->report_unreachable(announced.id);
    auto fine = co_await client->lookup(test::query_of(echo));
    auto watch = client->watch(test::all_names(), announced.at);
    socket.reset();
    co_await client->report_unreachable(announced.id);
    auto suspected = co_await test::next_of(watch);
    socket.emplace(there.folder.path("echo"));
    auto back = co_await test::next_of(watch);
    rpc::instance_id unknown;
    auto none = co_await rpc::try_call(client->report_unreachable(unknown));
    REQUIRE(fine.instances[0].state == rpc::instance_state::alive);
    REQUIRE(suspected.what.state == rpc::instance_state::suspect);
    REQUIRE(back.what.state == rpc::instance_state::alive);
    REQUIRE(none.error().code() == rpc::status::not_found);
}

CO_TEST_CASE("who cannot be reached for long is gone", "[rpc][matchmaker]") {
    test::matchmaker_place there(rpc::matchmaker_options().ping_every(20ms).gone_after(3));
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto watch = client->watch(test::all_names(), announced.at);
    socket.close();
    co_await client->report_unreachable(announced.id);
    auto gone = co_await test::until_change(watch, rpc::change_kind::gone);
    REQUIRE(gone.reason == rpc::gone_reason::hung);
    REQUIRE(gone.detail.find("nobody accepts at") == 0);
}

CO_TEST_CASE("a policy decides from when it is given", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto watch = client->watch(test::all_names(), announced.at);
    auto policy = rpc::matchmaker_policy::parse("other.* anyone", "a test").value();
    const std::size_t removed = there.server->use_policy(std::move(policy));
    auto gone = co_await test::next_of(watch);
    auto refused = co_await fault_of_announcing(*service, socket.address());
    auto other = co_await service->announce(socket.offer("other.echo"));
    REQUIRE(removed == 1);
    REQUIRE(gone.reason == rpc::gone_reason::policy);
    REQUIRE(refused.code() == rpc::status::permission_denied);
    REQUIRE(other.id.number == announced.id.number + 1);
}

CO_TEST_CASE("a limit is named with both figures", "[rpc][matchmaker]") {
    test::matchmaker_place there(rpc::matchmaker_options().names_max(1, 100).watches_max(1, 100));
    co_await there.start();
    auto client = co_await there.connect();
    auto socket = there.listen("echo");
    static_cast<void>(co_await client->announce(socket.offer("demo.a")));
    auto names = co_await rpc::try_call(client->announce(socket.offer("demo.b")));
    auto first = client->watch(test::all_names(), std::nullopt);
    static_cast<void>(co_await test::until_complete(first));
    auto second = client->watch(test::all_names(), std::nullopt);
    auto watches = co_await rpc::try_call(test::next_of(second));
    auto page = co_await rpc::try_call(client->list(test::all_names(), std::nullopt, 257));
    REQUIRE(names.error().code() == rpc::status::resource_exhausted);
    REQUIRE(says(names.error(), "1"));
    REQUIRE(watches.error().code() == rpc::status::resource_exhausted);
    REQUIRE(says(page.error(), "1 to 256"));
}

CO_TEST_CASE("what waits is told when the matchmaker ends", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto client = co_await there.connect();
    auto running = scope.spawn(there.server->run());
    auto finding = scope.spawn([](rpc::matchmaker_interface& at) -> task<rpc::fault> {
        auto found = co_await rpc::try_call(at.find(test::query_of(echo)));
        co_return found.error();
    }(*client));
    auto watch = client->watch(test::all_names(), std::nullopt);
    static_cast<void>(co_await test::until_complete(watch));
    there.server->stop();
    auto why = co_await finding;
    auto end = co_await rpc::try_call(test::next_of(watch));
    auto outcome = co_await running;
    REQUIRE(why.code() == rpc::status::unavailable);
    REQUIRE(says(why, "ending"));
    REQUIRE(end.error().code() == rpc::status::unavailable);
    REQUIRE(outcome.is_clean());
}

CO_TEST_CASE("a successor knows who was there until they have come back or not",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir state;
    rpc::matchmaker_options options;
    options.state(state.path("state")).confirm_within(1h).save_within(1ms);
    test::matchmaker_place there(options);
    co_await there.start();
    auto service = co_await there.connect();
    auto first = there.listen("first");
    auto second = there.listen("second");
    auto a = co_await service->announce(first.offer("demo.first"));
    auto b = co_await service->announce(second.offer("demo.second"));
    auto running = scope.spawn(there.server->run());
    there.server->stop();
    co_await running;
    co_await there.restart();
    auto again = co_await there.connect();
    auto warming = co_await again->lookup(test::query_of("demo.second"));
    auto watch = again->watch(test::all_names(), a.at);
    auto told = co_await test::until_complete(watch);
    auto confirmed = co_await again->announce(first.offer("demo.first"));
    auto found = co_await again->lookup(test::query_of("demo.first"));
    REQUIRE(warming.source == rpc::answer_source::warming);
    REQUIRE(warming.at.epoch > a.at.epoch);
    REQUIRE(warming.instances.size() == 1);
    REQUIRE(warming.instances[0].id == b.id);
    REQUIRE(warming.instances[0].state == rpc::instance_state::unconfirmed);
    REQUIRE(told.size() == 4);  // the position is of another epoch: a resync
    REQUIRE(confirmed.id == a.id);
    REQUIRE(found.source == rpc::answer_source::warming);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].state == rpc::instance_state::alive);
}

CO_TEST_CASE("who has not come back in time is lost in the restart, and the others stay",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir state;
    rpc::matchmaker_options options;
    options.state(state.path("state")).confirm_within(200ms).save_within(1ms);
    test::matchmaker_place there(options);
    co_await there.start();
    auto service = co_await there.connect();
    auto first = there.listen("first");
    auto second = there.listen("second");
    static_cast<void>(co_await service->announce(first.offer("demo.first")));
    static_cast<void>(co_await service->announce(second.offer("demo.second")));
    auto running = scope.spawn(there.server->run());
    there.server->stop();
    co_await running;
    co_await there.restart();
    auto again = co_await there.connect();
    // In time, or else anew: who announces is there afterwards.
    auto back = co_await again->announce(first.offer("demo.first"));
    auto here = co_await again->lookup(test::query_of("demo.first"));
    while (here.source != rpc::answer_source::live) {
        here = co_await again->lookup(test::query_of("demo.first"));
    }
    auto lost = co_await again->lookup(test::query_of("demo.second"));
    auto status = co_await again->status();
    REQUIRE(here.instances.size() == 1);
    REQUIRE(here.instances[0].id == back.id);
    REQUIRE(here.instances[0].state == rpc::instance_state::alive);
    REQUIRE(lost.instances.empty());
    REQUIRE(status.counts["gone_lost_in_restart"] >= 1);
}

CO_TEST_CASE("two matchmakers do not share a state folder", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir state;
    test::matchmaker_place one(rpc::matchmaker_options().state(state.path("state")));
    test::matchmaker_place other(rpc::matchmaker_options().state(state.path("state")));
    co_await one.start();
    auto refused = co_await rpc::try_call(other.server->start());
    REQUIRE(refused.error().code() == rpc::status::unavailable);
    REQUIRE(says(refused.error(), "another matchmaker uses"));
}

CO_TEST_CASE("an answer says how many it has no room for, and pages leave nobody out",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("no TCP in simulation");
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    constexpr std::uint32_t all = 1024;
    rpc::instance_offer offer;
    offer.name = "demo." + std::string(120, 'x');
    for (char c = 'a'; c < 'a' + 16; ++c) offer.tags.emplace_back(64, c);
    for (std::uint32_t i = 1; i <= all; ++i) {
        offer.address = "tcp:127.0.0.1:" + std::to_string(i);
        static_cast<void>(co_await service->announce(offer));
    }
    auto found = co_await service->lookup(test::query_of(offer.name));
    std::size_t listed = 0;
    std::optional<rpc::index_key> after;
    for (;;) {
        auto page = co_await service->list(test::all_names(), after, 256);
        if (page.instances.empty()) break;
        listed += page.instances.size();
        after = rpc::index_key{offer.name, page.instances.back().id};
    }
    REQUIRE(found.left_out > 0);
    REQUIRE(found.instances.size() + found.left_out == all);
    REQUIRE(listed == all);
}

CO_TEST_CASE("who waits is told a page at a time", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto client = co_await there.connect();
    std::vector<child<rpc::status>> finding;
    for (int i = 0; i < 5; ++i) finding.push_back(scope.spawn(status_of_finding(*client, i)));
    auto all = co_await client->waits(0, 0);
    while (all.size() < 5) all = co_await client->waits(0, 0);
    auto first = co_await client->waits(0, 2);
    auto second = co_await client->waits(first.back().number, 2);
    auto third = co_await client->waits(second.back().number, 2);
    auto none = co_await client->waits(third.back().number, 2);
    auto too_many = co_await rpc::try_call(client->waits(0, 1025));
    auto status = co_await client->status();
    there.destroy();
    int failed = 0;
    for (auto& each : finding) {
        const rpc::status ended = co_await each;
        if (ended == rpc::status::unavailable) ++failed;
    }
    REQUIRE(first.size() == 2);
    REQUIRE(second.size() == 2);
    REQUIRE(third.size() == 1);
    REQUIRE(none.empty());
    for (std::size_t i = 1; i < all.size(); ++i) REQUIRE(all[i - 1].number < all[i].number);
    REQUIRE(first[0].name == all[0].name);
    REQUIRE(third[0].name == all[4].name);
    REQUIRE(too_many.error().code() == rpc::status::invalid_argument);
    REQUIRE(status.counts["waits"] == 5);
    REQUIRE(failed == 5);
}
