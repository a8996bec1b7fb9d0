// SPDX-License-Identifier: BSL-1.0
//
// What goes wrong around a matchmaker, with processes that are killed and stopped for real. Two
// daemons, the policy's file and the state's folder are in tests/conduitd/ and
// tests/rpc/detail/registry_store_test.cpp.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"
#include "../support/until_unlocked.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t stranger = 65'534;

// --- what the children do -----------------------------------------------------------------------

/// Announces each name at the socket before it, and again whenever the connection is lost, until
/// it is killed.
task<int> keep_announced(test::helper_arguments given) {
    const test::helper_arguments own = std::move(given);
    rpc::matchmaker here(rpc::matchmaker_client_options().at(own.at(0)).back_off(4ms, 32ms));
    const auto how = rpc::announce_options().in_background();
    std::vector<test::announced_socket> sockets;
    std::vector<rpc::announced> offers;
    for (std::size_t i = 1; i + 1 < own.size(); i += 2) {
        sockets.emplace_back(own[i]);
        auto made = co_await here.announce(sockets.back().offer(own[i + 1]), how);
        offers.push_back(std::move(made));
    }
    event never;
    co_await never.wait();
    co_return 0;
}

const test::helper announces("announces until it is killed",
                             [](const test::helper_arguments& given) {
                                 return run(keep_announced(given));
                             });

/// Follows all changes until "demo.last" is there, and compares what it was told with what is so.
task<int> follow(std::string where, unique_fd ready) {
    auto tells = pipe_writer::adopt(std::move(ready)).value();
    auto there = co_await test::connect_matchmaker(std::move(where));
    auto watch = there->watch(test::all_names(), std::nullopt);
    std::map<rpc::instance_id, rpc::instance> known;
    std::uint64_t revision = 0;
    int resyncs = 0;
    bool is_last = false;
    bool is_complete = false;
    while (!is_last || !is_complete) {
        auto event = co_await test::next_of(watch);
        if (event.kind == rpc::watch_event_kind::resync) {
            known.clear();
            ++resyncs;
            is_complete = false;
            continue;
        }
        if (event.kind == rpc::watch_event_kind::complete) {
            is_complete = true;
            if (event.at.revision < revision) co_return 2;
            revision = event.at.revision;
            if (resyncs > 1) continue;
            auto told = co_await write_all(tells, bytes_of("!"));
            if (!told) co_return 3;
            continue;
        }
        const bool is_change = event.kind == rpc::watch_event_kind::change;
        if (is_change && is_complete && event.at.revision <= revision) co_return 4;
        if (is_change) revision = event.at.revision;
        if (is_change && event.change == rpc::change_kind::gone) {
            known.erase(event.what.id);
        } else {
            is_last = is_last || event.what.offer.name == "demo.last";
            known[event.what.id] = event.what;
        }
    }
    auto all = co_await there->list(test::all_names(), std::nullopt, 256);
    if (resyncs < 2) co_return 5;
    if (all.instances.size() != known.size()) co_return 6;
    for (const rpc::instance& one : all.instances) {
        if (!(known[one.id] == one)) co_return 7;
    }
    co_return 0;
}

const test::helper follows("follows a matchmaker", [](const test::helper_arguments& given) {
    return run(follow(given.at(0), unique_fd(3)));
});

/// The code of the fault that another user gets.
task<int> announce_once(std::string where, rpc::instance_offer offer) {
    const rpc::instance_offer own = std::move(offer);
    auto there = co_await test::connect_matchmaker(std::move(where));
    auto announced = co_await rpc::try_call(there->announce(own));
    co_return announced ? 0 : static_cast<int>(announced.error().code());
}

const test::helper announces_as("announces as another user",
                                [](const test::helper_arguments& given) {
                                    if (::setgid(stranger) != 0 || ::setuid(stranger) != 0)
                                        return 99;
                                    rpc::instance_offer offer;
                                    offer.name = given.at(1);
                                    offer.address = given.at(2);
                                    return run(announce_once(given.at(0), offer));
                                });

/// A matchmaker that keeps its state, until it is killed. It says "!" when it listens.
task<int> serve_until_killed(std::string where, std::string state, unique_fd ready) {
    auto tells = pipe_writer::adopt(std::move(ready)).value();
    rpc::matchmaker_options options;
    options.state(std::move(state)).save_within(1ms);
    rpc::matchmaker_server matchmaker(options);
    co_await matchmaker.start();
    co_await matchmaker.server().listen(std::move(where));
    auto told = co_await write_all(tells, bytes_of("!"));
    if (!told) co_return 1;
    static_cast<void>(co_await matchmaker.run());
    co_return 0;
}

const test::helper serves("is a matchmaker until it is killed",
                          [](const test::helper_arguments& given) {
                              return run(
                                  serve_until_killed(given.at(0), given.at(1), unique_fd(3)));
                          });

// --- what the parent does -----------------------------------------------------------------------

task<bool> is_told(pipe_reader& by) {
    std::array<std::byte, 1> room{};
    auto got = co_await by.read_some(std::span(room));
    co_return got && *got == 1;
}

/// Its exit code, without blocking this thread, whose tasks it needs.
task<int> exit_code_of(test::child_process& child) {
    auto copy = current_kernel().duplicate_native(child.handle().native().value());
    auto handle = io_handle::attach(std::move(copy.value())).value();
    auto ended = co_await handle.readable();
    static_cast<void>(ended);
    co_return child.wait().code;
}

/// A process's client and offers, in the simulated kernel.
struct simulated_service {
    simulated_service(const test::matchmaker_place& there, const std::string& name)
        : socket(there.listen(name)),
          here(rpc::matchmaker_client_options().at(there.where).back_off(1ms, 100ms)) {}

    test::announced_socket socket;
    rpc::matchmaker here;
    std::optional<rpc::announced> offer;
};

task<> take_all(unix_listener& at) {
    while (auto peer = co_await at.accept()) continue;
}

/// How many are announced, each 10 ms, until all are.
task<std::vector<std::size_t>> until_all_are_back(const test::matchmaker_place& there,
                                                  std::size_t all) {
    std::vector<std::size_t> announced{0};
    while (announced.back() < all) {
        co_await sleep_for(10ms);
        announced.push_back(there.server->at().revision);  // each is the next one
    }
    co_return announced;
}

struct deaths_and_services {
    int deaths;
    std::size_t services;
};

/// So many times at a point by chance, while some, all or none have come back, and once more when
/// all have. Yields how many were back each 10 ms after that.
task<std::vector<std::size_t>> die_often(std::uint64_t seed, deaths_and_services many) {
    const auto [deaths, services] = many;
    test::matchmaker_place there;
    co_await there.start();
    rpc::detail::chance dice(seed);
    std::vector<std::unique_ptr<simulated_service>> all;
    task_scope accepting;
    const auto how = rpc::announce_options().in_background();
    for (std::size_t i = 0; i < services; ++i) {
        const std::string name = "s" + std::to_string(i);
        auto& one = *all.emplace_back(std::make_unique<simulated_service>(there, name));
        accepting.spawn(take_all(one.socket.listener()));
        auto made = co_await one.here.announce(one.socket.offer("demo." + name), how);
        one.offer.emplace(std::move(made));
    }
    for (int death = 0; death <= deaths; ++death) {
        if (death == deaths) static_cast<void>(co_await until_all_are_back(there, services));
        const std::uint64_t epoch = there.server->at().epoch;
        there.destroy();
        co_await sleep_for(dice.up_to(100ms) + 1ms);  // so that the next epoch is another
        co_await there.restart();
        REQUIRE(there.server->at().epoch > epoch);
        if (death < deaths) co_await sleep_for(dice.up_to(300ms));
    }
    auto back = co_await until_all_are_back(there, services);
    auto client = co_await there.connect();
    auto found = co_await client->list(test::all_names(), std::nullopt, 256);
    REQUIRE(found.instances.size() == services);
    REQUIRE(back.size() < 200);  // within 2 s
    accepting.request_stop();
    co_await accepting.join();
    co_return back;
}

std::vector<std::size_t> die_often_in_simulation(std::uint64_t seed, deaths_and_services many) {
    auto options = scheduler_options().backend(backend_kind::sim).seed(seed);
    options.log([](log_level, std::string_view) {});  // each client says that it lost it
    return scheduler(options).run(die_often(seed, many));
}

rpc::matchmaker_options open_to_all() {
    rpc::server_options server;
    server.clients(allowed_users().allow_any()).socket_mode(0666);
    rpc::matchmaker_options options;
    options.server(server);
    return options;
}

}  // namespace

CO_TEST_CASE("M1: a service that is killed is gone at once, and watchers are told why",
             "[rpc][matchmaker][fault][M1]") {
    test::needs_processes();
    // No ping is sent while this runs. So what tells the matchmaker of a death is the kernel, which
    // does as it happens; that the matchmaker adds no second to that is seen in the next case.
    test::matchmaker_place there(rpc::matchmaker_options().ping_every(1h));
    co_await there.start();
    auto client = co_await there.connect();
    auto watch = client->watch(test::all_names(), std::nullopt);
    static_cast<void>(co_await test::until_complete(watch));
    std::uint64_t revision = 0;
    for (int i = 0; i < 5; ++i) {
        auto service = test::child_process::helper(
            "announces until it is killed", {there.where, there.folder.path("echo"), "demo.echo"});
        auto found = co_await client->find(test::query_of("demo.echo"));
        service.kill();
        auto came = co_await test::next_of(watch);
        auto gone = co_await test::next_of(watch);
        auto nobody = co_await client->lookup(test::query_of("demo.echo"));
        REQUIRE(came.change == rpc::change_kind::announced);
        REQUIRE(came.at.revision == revision + 1);
        REQUIRE(gone.change == rpc::change_kind::gone);
        REQUIRE(gone.at.revision == revision + 2);
        REQUIRE(gone.what.id == found.instances[0].id);
        REQUIRE(gone.reason == rpc::gone_reason::process_ended);
        REQUIRE((gone.detail == "killed by signal 9" || gone.detail.empty()));
        REQUIRE(nobody.instances.empty());
        REQUIRE(nobody.at.revision == gone.at.revision);
        revision += 2;
    }
}

TEST_CASE("M1: a connection that ends is known to all watchers within a second",
          "[rpc][matchmaker][fault][M1][sim]") {
    const auto lose_one = []() -> task<> {
        test::matchmaker_place there(rpc::matchmaker_options().ping_every(1h));
        co_await there.start();
        auto client = co_await there.connect();
        auto service = co_await there.connect();
        auto socket = there.listen("echo");
        auto announced = co_await service->announce(socket.offer("demo.echo"));
        auto one = client->watch(test::all_names(), announced.at);
        auto other = client->watch(test::all_names(), announced.at);
        const auto died = clock::now();
        service.connection().close();
        auto told = co_await test::next_of(one);
        auto told_too = co_await test::next_of(other);
        auto nobody = co_await client->lookup(test::query_of("demo.echo"));
        REQUIRE(clock::now() - died <= 1s);  // of virtual time
        REQUIRE(told.change == rpc::change_kind::gone);
        REQUIRE(told.what.id == announced.id);
        REQUIRE(told_too.at == told.at);
        REQUIRE(told_too.what.id == announced.id);
        REQUIRE(nobody.instances.empty());
    };
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(lose_one());
    }
}

CO_TEST_CASE("M2: a service that hangs is suspected, then gone, and announces anew when it lives",
             "[rpc][matchmaker][fault][M2]") {
    test::needs_processes();
    test::matchmaker_place there(rpc::matchmaker_options().ping_every(50ms));
    co_await there.start();
    auto client = co_await there.connect();
    const auto service = test::child_process::helper(
        "announces until it is killed", {there.where, there.folder.path("echo"), "demo.echo"});
    auto found = co_await client->find(test::query_of("demo.echo"));
    auto watch = client->watch(test::all_names(), found.at);
    service.stop();
    auto suspected = co_await test::next_of(watch);
    auto gone = co_await test::next_of(watch);
    auto nobody = co_await client->lookup(test::query_of("demo.echo"));
    service.resume();
    auto back = co_await test::next_of(watch);
    REQUIRE(suspected.what.state == rpc::instance_state::suspect);
    REQUIRE(gone.change == rpc::change_kind::gone);
    REQUIRE(gone.reason == rpc::gone_reason::hung);
    REQUIRE(gone.detail == "it has answered none of 6 pings");
    REQUIRE(nobody.instances.empty());
    REQUIRE(back.change == rpc::change_kind::announced);
    REQUIRE(back.what.id > gone.what.id);
}

CO_TEST_CASE("M2: a service that hung for a while is well again", "[rpc][matchmaker][fault][M2]") {
    test::needs_processes();
    test::matchmaker_place there(rpc::matchmaker_options().ping_every(50ms).gone_after(100'000));
    co_await there.start();
    auto client = co_await there.connect();
    const auto service = test::child_process::helper(
        "announces until it is killed", {there.where, there.folder.path("echo"), "demo.echo"});
    auto found = co_await client->find(test::query_of("demo.echo"));
    auto watch = client->watch(test::all_names(), found.at);
    service.stop();
    auto suspected = co_await test::next_of(watch);
    auto last_choice = co_await client->lookup(test::query_of("demo.echo"));
    service.resume();
    auto well = co_await test::next_of(watch);
    REQUIRE(suspected.what.state == rpc::instance_state::suspect);
    REQUIRE(last_choice.instances.size() == 1);
    REQUIRE(well.what.state == rpc::instance_state::alive);
    REQUIRE(well.what.id == found.instances[0].id);
}

CO_TEST_CASE("M3: a matchmaker is killed again and again, and all come back each time",
             "[rpc][matchmaker][fault][M3]") {
    test::needs_processes();
    constexpr int processes = 2;
    constexpr int services = 8;
    constexpr int rounds = 16;
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("matchmaker.sock");
    rpc::detail::chance dice(rpc::detail::seed_from_kernel());
    std::vector<test::child_process> children;
    for (int process = 0; process < processes; ++process) {
        std::vector<std::string> arguments{where};
        for (int i = process; i < services; i += processes) {
            const std::string name = "s" + std::to_string(i);
            arguments.push_back(folder.path(name));
            arguments.push_back("demo." + name);
        }
        children.push_back(test::child_process::helper("announces until it is killed", arguments));
    }
    std::uint64_t epoch = 0;
    for (int round = 0; round < rounds; ++round) {
        auto ends = make_pipe().value();
        const unique_fd theirs = ends.writer.detach().value();
        auto matchmaker = test::child_process::helper("is a matchmaker until it is killed",
                                                      {where, folder.path("state")},
                                                      {{theirs.native().value(), 3}});
        const bool listens = co_await is_told(ends.reader);
        REQUIRE(listens);
        auto client = co_await test::connect_matchmaker(where);
        // At a point by chance: so many have come back.
        const bool to_the_end = round + 1 == rounds;
        const auto awaited = to_the_end ? services : static_cast<int>(dice.below(services + 1));
        rpc::table_position at;
        for (int i = 0; i < awaited; ++i) {
            auto found = co_await client->find(test::query_of("demo.s" + std::to_string(i)));
            at = found.at;
            REQUIRE(found.instances.size() == 1);
        }
        if (awaited > 0) {
            REQUIRE(at.epoch > epoch);
            epoch = at.epoch;
        }
        matchmaker.kill();
        co_await test::until_unlocked(folder.path("state/lock"));
        co_await test::until_unlocked(folder.path("matchmaker.sock.lock"));
    }
}

TEST_CASE("M3: a matchmaker that dies at any point finds all again, spread over the time it gave",
          "[rpc][matchmaker][fault][M3][sim]") {
    constexpr std::size_t services = 100;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        const auto back = die_often_in_simulation(seed, {12, services});
        std::size_t most = 0;
        for (std::size_t i = 1; i < back.size(); ++i) most = std::max(most, back[i] - back[i - 1]);
        REQUIRE(back.size() > 5);  // they took more than 50 ms
        REQUIRE(most <= services / 2);
    }
}

TEST_CASE("M3: a matchmaker that dies at a thousand points finds all again each time",
          "[rpc][matchmaker][fault][M3][sim][stress]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        const auto back = die_often_in_simulation(seed, {24, 10});
        REQUIRE(back.back() == 10);
    }
}

CO_TEST_CASE("M5: a lookup that raced with a death is followed by one that knows",
             "[rpc][matchmaker][fault][M5]") {
    test::needs_processes();
    test::matchmaker_place there;
    co_await there.start();
    auto own = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("second");
    auto service = test::child_process::helper(
        "announces until it is killed", {there.where, there.folder.path("first"), "demo.echo"});
    auto found = co_await client->find(test::query_of("demo.echo"));
    rpc::instance_offer other = socket.offer("demo.echo");
    other.weight = 0;  // only when there is nobody else
    auto second = co_await own->announce(other);
    service.kill();
    auto stale = co_await unix_stream::connect(there.folder.path("first"));
    auto made = co_await client->connect(test::query_of("demo.echo"));
    auto unknown = co_await rpc::try_call(client->report_unreachable(found.instances[0].id));
    REQUIRE_FALSE(stale);
    REQUIRE(made.who.id == second.id);
    REQUIRE(made.at.epoch == found.at.epoch);
    REQUIRE(made.at.revision > found.at.revision);
    REQUIRE((unknown || unknown.error().code() == rpc::status::not_found));
}

CO_TEST_CASE("M6: a watcher that was stopped begins anew, and has missed nothing",
             "[rpc][matchmaker][fault][M6]") {
    test::needs_processes();
    test::matchmaker_place there(rpc::matchmaker_options().watch_changes_max(16));
    co_await there.start();
    auto service = co_await there.connect();
    auto socket = there.listen("echo");
    auto last = there.listen("last");
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    auto ends = make_pipe().value();
    const unique_fd theirs = ends.writer.detach().value();
    auto watcher = test::child_process::helper("follows a matchmaker", {there.where},
                                               {{theirs.native().value(), 3}});
    const bool is_following = co_await is_told(ends.reader);
    watcher.stop();
    std::uint64_t overflows = 0;
    std::uint32_t weight = 0;
    while (overflows == 0) {
        rpc::instance_update update;
        update.weight = ++weight % rpc::weight_max;
        static_cast<void>(co_await service->update(announced.id, update));
        auto status = co_await service->status();
        overflows = status.counts["watch_overflows"];
    }
    static_cast<void>(co_await service->announce(last.offer("demo.last")));
    watcher.resume();
    auto code = co_await exit_code_of(watcher);
    REQUIRE(is_following);
    REQUIRE(code == 0);
}

CO_TEST_CASE("M7: another user announces neither an owned name nor somebody's address",
             "[rpc][matchmaker][fault][M7]") {
    test::needs_processes();
    if (::geteuid() != 0) co_return test::skip("only root can be another user");
    test::matchmaker_place there(open_to_all());
    ::chmod(there.folder.path().c_str(), 0711);
    co_await there.start();
    auto owner = co_await there.connect();
    auto socket = there.listen("mine");
    static_cast<void>(co_await owner->announce(socket.offer("demo.mine")));
    auto squatter = test::child_process::helper("announces as another user",
                                                {there.where, "demo.mine", "tcp:127.0.0.1:9"});
    auto squatted = co_await exit_code_of(squatter);
    auto impostor = test::child_process::helper("announces as another user",
                                                {there.where, "demo.theirs", socket.address()});
    auto posed = co_await exit_code_of(impostor);
    auto reserved = test::child_process::helper("announces as another user",
                                                {there.where, "conduit.x", "tcp:127.0.0.1:9"});
    auto kept = co_await exit_code_of(reserved);
    auto honest = test::child_process::helper("announces as another user",
                                              {there.where, "demo.theirs", "tcp:127.0.0.1:9"});
    auto allowed = co_await exit_code_of(honest);
    const int denied = static_cast<int>(rpc::status::permission_denied);
    REQUIRE(squatted == denied);
    REQUIRE(posed == denied);
    REQUIRE(kept == denied);
    REQUIRE(allowed == 0);
}
