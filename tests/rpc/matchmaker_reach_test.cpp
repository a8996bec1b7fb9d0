// SPDX-License-Identifier: BSL-1.0
//
// Whom a matchmaker takes for gone because nobody reaches them, and how often it looks.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/reach_table.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using connecting = result<rpc::connected_instance, rpc::fault>;

task<connecting> try_connect(rpc::matchmaker_interface& at, const char* name) {
    const rpc::instance_query query = test::query_of(name);
    co_return co_await rpc::try_call(at.connect(query));
}

task<rpc::status> report(rpc::matchmaker_interface& at, rpc::instance_id id) {
    auto told = co_await rpc::try_call(at.report_unreachable(id));
    co_return told ? rpc::status::ok : told.error().code();
}

bool is_alive(const rpc::found_instances& found) {
    return !found.instances.empty() && found.instances[0].state == rpc::instance_state::alive;
}

/// A listener that nobody accepts from, and whose backlog is full.
struct crowded {
    explicit crowded(const std::string& path)
        : listener(unix_listener::listen(path, unix_listen_options().backlog_max(1)).value()) {}

    task<> fill(std::string path) {
        const std::string where = std::move(path);
        for (;;) {
            auto one = co_await within(20ms, unix_stream::connect(where));
            if (!one) co_return;
            waiting.push_back(std::move(*one));
        }
    }

    unix_listener listener;
    std::vector<unix_stream> waiting;
};

/// Counts who connects, until it is stopped.
task<> count_visits(unix_listener& at, std::size_t& visits) {
    while (auto peer = co_await at.accept()) ++visits;
}

/// On the simulated kernel only, where time passes when all wait, and not before.
void run_in_virtual_time(task<> (*body)(task_scope&)) {
    const auto whole = [](task<> (*inner)(task_scope&)) -> task<> {
        task_scope scope;
        co_await inner(scope);
        scope.request_stop();
        co_await scope.join();
    };
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(whole(body));
    }
}

}  // namespace

CO_TEST_CASE("many who cannot connect at one time count as one failure", "[rpc][matchmaker]") {
    test::matchmaker_place there(
        rpc::matchmaker_options().ping_every(1h).gone_after(6).accept_within(30ms));
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    crowded busy(there.folder.path("busy"));
    rpc::instance_offer offer;
    offer.name = "demo.busy";
    offer.address = "unix:" + there.folder.path("busy");
    auto announced = co_await service->announce(offer);
    co_await busy.fill(there.folder.path("busy"));
    constexpr std::size_t callers = 12;
    std::vector<child<connecting>> all;
    for (std::size_t i = 0; i < callers; ++i) {
        all.push_back(scope.spawn(try_connect(*client, "demo.busy")));
    }
    std::size_t waiting = 0;
    auto found = co_await client->lookup(test::query_of("demo.busy"));
    while (waiting < callers || is_alive(found)) {
        auto waits = co_await client->waits(0, 0);
        waiting = waits.size();
        found = co_await client->lookup(test::query_of("demo.busy"));
    }
    for (auto& each : all) each.request_stop();
    for (auto& each : all) static_cast<void>(co_await each);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == announced.id);
    REQUIRE(found.instances[0].state == rpc::instance_state::suspect);
}

TEST_CASE("however often a healthy instance is reported, it is looked at once a second",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([](task_scope& scope) -> task<> {
        test::matchmaker_place there;
        co_await there.start();
        auto service = co_await there.connect();
        auto client = co_await there.connect();
        auto socket = there.listen("echo");
        auto announced = co_await service->announce(socket.offer("demo.echo"));
        std::size_t visits = 0;
        scope.spawn(count_visits(socket.listener(), visits));
        const clock::time_point begun = clock::now();
        std::vector<child<rpc::status>> all;
        for (int round = 0; round < 100; ++round) {
            all.push_back(scope.spawn(report(*client, announced.id)));
            co_await sleep_for(50ms);
        }
        int answered = 0;
        for (auto& each : all) {
            const rpc::status came = co_await each;
            if (came == rpc::status::ok) ++answered;
        }
        const auto seconds = (clock::now() - begun) / 1s;
        auto found = co_await client->lookup(test::query_of("demo.echo"));
        REQUIRE(answered == 100);
        REQUIRE(visits >= 5);
        REQUIRE(visits <= static_cast<std::size_t>(seconds) + 2);
        REQUIRE(found.instances.at(0).state == rpc::instance_state::alive);
        scope.request_stop();
    });
}

TEST_CASE("one user makes the matchmaker look at no more than so many instances",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([](task_scope&) -> task<> {
        test::matchmaker_place there;
        co_await there.start();
        auto service = co_await there.connect();
        auto client = co_await there.connect();
        auto socket = there.listen("echo");
        std::vector<rpc::instance_id> ids;
        for (int i = 0; i < 65; ++i) {
            auto one = co_await service->announce(socket.offer("demo.n" + std::to_string(i)));
            ids.push_back(one.id);
        }
        task_scope scope;
        std::vector<child<rpc::status>> all;
        for (const rpc::instance_id id : ids) all.push_back(scope.spawn(report(*client, id)));
        int refused = 0;
        for (auto& each : all) {
            const rpc::status came = co_await each;
            if (came == rpc::status::resource_exhausted) ++refused;
        }
        co_await scope.join();
        co_await sleep_for(1s);
        const rpc::status later = co_await report(*client, ids.back());
        REQUIRE(refused == 1);
        REQUIRE(later == rpc::status::ok);
    });
}

CO_TEST_CASE("who is not there any more is not looked at any more", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    std::optional<test::announced_socket> socket(there.listen("echo"));
    auto first = co_await service->announce(socket->offer("demo.echo"));
    socket.reset();
    co_await client->report_unreachable(first.id);
    auto status = co_await client->status();
    const std::uint64_t unreached = status.counts["unreached"];
    socket.emplace(there.folder.path("echo"));
    auto second = co_await service->announce(socket->offer("demo.echo"));
    status = co_await client->status();
    const std::uint64_t replaced = status.counts["unreached"];
    socket.reset();
    co_await client->report_unreachable(second.id);
    there.server->use_policy(rpc::matchmaker_policy::parse("other anyone", "a test").value());
    status = co_await client->status();
    REQUIRE(unreached == 1);
    REQUIRE(second.id != first.id);
    REQUIRE(replaced == 0);
    REQUIRE(status.counts["unreached"] == 0);
    REQUIRE(status.counts["instances"] == 0);
}

CO_TEST_CASE("of more than are looked at at one time each is looked at", "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    constexpr std::size_t all = rpc::detail::reach_table::looks_most + 6;
    auto socket = there.listen("echo");
    std::vector<rpc::instance_id> ids;
    for (std::size_t i = 0; i < all; ++i) {
        auto one = co_await service->announce(socket.offer("demo.n" + std::to_string(i)));
        ids.push_back(one.id);
    }
    socket.close();
    std::vector<child<rpc::status>> looks;
    for (const rpc::instance_id id : ids) looks.push_back(scope.spawn(report(*client, id)));
    std::size_t refused = 0;
    for (auto& each : looks) {
        const rpc::status came = co_await each;
        if (came != rpc::status::ok) ++refused;
    }
    auto status = co_await client->status();
    REQUIRE(refused <= 6);
    REQUIRE(status.counts["unreached"] == all - refused);
}

CO_TEST_CASE("who was not reached before it came back after a restart is alive, and chosen once",
             "[rpc][matchmaker][restart]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir state;
    rpc::matchmaker_options options;
    options.state(state.path("state")).save_within(1ms).ping_every(1h).confirm_within(1h);
    test::matchmaker_place there(options);
    rpc::announcement before;
    {
        co_await there.start();
        auto service = co_await there.connect();
        auto socket = there.listen("echo");
        before = co_await service->announce(socket.offer("demo.echo"));
        auto running = scope.spawn(there.server->run());
        there.server->stop();
        co_await running;
    }
    co_await there.restart();
    auto service = co_await there.connect();
    auto client = co_await there.connect();
    co_await client->report_unreachable(before.id);
    auto status = co_await client->status();
    const std::uint64_t unreached = status.counts["unreached"];
    auto socket = there.listen("echo");
    auto again = co_await service->announce(socket.offer("demo.echo"));
    auto found = co_await client->lookup(test::query_of("demo.echo"));
    status = co_await client->status();
    const std::uint64_t later = status.counts["unreached"];
    socket.close();
    auto connecting = scope.spawn(try_connect(*client, "demo.echo"));
    auto left = co_await client->lookup(test::query_of("demo.echo"));
    while (is_alive(left)) left = co_await client->lookup(test::query_of("demo.echo"));
    connecting.request_stop();
    static_cast<void>(co_await connecting);
    REQUIRE(unreached == 1);
    REQUIRE(again.id == before.id);
    REQUIRE(is_alive(found));
    REQUIRE(later == 0);
    REQUIRE(left.instances.size() == 1);
    REQUIRE(left.instances[0].state == rpc::instance_state::suspect);
}
