// SPDX-License-Identifier: BSL-1.0
//
// conduitd and who announces there, while the time of day jumps under them. What a simulated
// matchmaker makes of hours that go by is in tests/rpc/matchmaker_flood_test.cpp.

#include "../support/wall_clock.hpp"
#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "daemon_place.hpp"

#include <conduit/rpc/announced.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using test::daemon_place;

namespace {

/// Announces a name until it is killed, anew whenever the connection is lost.
task<int> stay_announced(std::string where, std::string socket, std::string name) {
    rpc::matchmaker here(rpc::matchmaker_client_options().at(std::move(where)).back_off(4ms, 32ms));
    const test::announced_socket listens(socket);
    auto made = co_await here.announce(listens.offer(std::move(name)),
                                       rpc::announce_options().in_background());
    event never;
    co_await never.wait();
    co_return 0;
}

const test::helper stays("stays announced", [](const test::helper_arguments& given) {
    auto options = scheduler_options();
    options.log([](log_level, std::string_view) {});  // of each connection that it loses
    return scheduler(options).run(stay_announced(given.at(0), given.at(1), given.at(2)));
});

test::child_process start_service(const daemon_place& there, const test::wall_clock& wall,
                                  const std::string& name) {
    std::vector<std::string> program = wall.launcher();
    for (std::string each :
         {std::filesystem::read_symlink("/proc/self/exe").string(), std::string("--helper"),
          std::string("stays announced"), there.where(), there.folder.path(name), name}) {
        program.push_back(std::move(each));
    }
    return test::child_process(program);
}

/// By a wall clock, with what it says in a file.
std::vector<std::string> logged_to(const std::string& path, const test::wall_clock& wall) {
    std::vector<std::string> program = {"/bin/sh", "-c", R"(exec "$@" 2>>"$0")", path};
    for (std::string& each : wall.launcher()) program.push_back(std::move(each));
    return program;
}

std::vector<std::string> lines_of(const std::string& path) {
    std::vector<std::string> lines;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
    return lines;
}

/// Whether it has anything like 12:34 in it.
bool tells_time(std::string_view line) {
    const auto is_digit = [&line](std::size_t at) {
        return std::isdigit(static_cast<unsigned char>(line[at])) != 0;
    };
    for (std::size_t at = 1; at + 1 < line.size(); ++at) {
        if (line[at] == ':' && is_digit(at - 1) && is_digit(at + 1)) return true;
    }
    return false;
}

using events = std::vector<rpc::watch_event>;

/// Adds what a watch tells next, up to and with the first change of that kind.
task<> take_until(stream<rpc::watch_event>& watch, rpc::change_kind kind, events& told) {
    do {
        auto next = co_await test::next_of(watch);
        told.push_back(std::move(next));
    } while (told.back().change != kind);
}

/// What a watch told of a service that hung, and of nothing else: each change follows the one
/// before. There may be more of them than are looked for: one that is starved hangs as well.
void require_hang(const events& told, const rpc::found_instances& before) {
    std::uint64_t revision = before.at.revision;
    for (const rpc::watch_event& each : told) {
        REQUIRE(each.kind == rpc::watch_event_kind::change);
        REQUIRE(each.what.offer.name == "demo.hangs");
        REQUIRE(each.at == rpc::table_position{before.at.epoch, ++revision});
    }
    const auto gone = std::ranges::find(told, rpc::change_kind::gone, &rpc::watch_event::change);
    REQUIRE(gone != told.end());
    REQUIRE(gone->what.id == before.instances.at(0).id);
    REQUIRE(gone->reason == rpc::gone_reason::hung);
    REQUIRE(gone != told.begin());
    REQUIRE((gone - 1)->change == rpc::change_kind::changed);
    REQUIRE((gone - 1)->what.state == rpc::instance_state::suspect);
    REQUIRE(told.back().change == rpc::change_kind::announced);
}

}  // namespace

CO_TEST_CASE("M9: the time of day jumps by hours, and nobody is suspected for that",
             "[tools][matchmaker][fault][M9]") {
    test::needs_processes();
    daemon_place there;
    test::wall_clock wall;
    auto daemon = there.start_by(wall.launcher(), {"--quiet", "--ping", "3600000"});
    static_cast<void>(co_await there.next_word());
    auto client = co_await test::connect_matchmaker(there.where());
    const auto service = start_service(there, wall, "demo.well");
    auto before = co_await client->find(test::query_of("demo.well"));
    // So that it would miss the pings of a daemon to which these hours had passed. It is asked each
    // time, so that it wakes and looks at its timers.
    service.stop();
    wall.jump(-7h);
    static_cast<void>(co_await client->status());
    const bool is_back = wall.is_obeyed();
    for (int i = 0; i < 8; ++i) {
        wall.jump(2h);
        static_cast<void>(co_await client->status());
    }
    auto after = co_await client->lookup(test::query_of("demo.well"));
    REQUIRE(is_back);
    REQUIRE(after.at == before.at);
    REQUIRE(after.source == rpc::answer_source::live);
    REQUIRE(after.instances.size() == 1);
    REQUIRE(after.instances[0] == before.instances[0]);
    REQUIRE(after.instances[0].state == rpc::instance_state::alive);
}

CO_TEST_CASE("M9: who hangs while the time of day jumps is given up after as many pings as ever",
             "[tools][matchmaker][fault][M9]") {
    test::needs_processes();
    daemon_place there;
    test::wall_clock wall;
    const std::string log = there.folder.path("log");
    auto daemon = there.start_by(logged_to(log, wall), {"--ping", "100"});
    static_cast<void>(co_await there.next_word());
    auto client = co_await test::connect_matchmaker(there.where());
    const auto service = start_service(there, wall, "demo.hangs");
    auto before = co_await client->find(test::query_of("demo.hangs"));
    service.stop();
    wall.jump(-1h);
    const bool is_back = wall.is_obeyed();
    auto watch = client->watch(test::all_names(), before.at);
    events told;
    co_await take_until(watch, rpc::change_kind::changed, told);
    wall.jump(2h);
    co_await take_until(watch, rpc::change_kind::gone, told);
    wall.jump(-1h);
    service.resume();
    co_await take_until(watch, rpc::change_kind::announced, told);
    const auto said = lines_of(log);
    REQUIRE(is_back);
    require_hang(told, before);
    REQUIRE(std::any_of(said.begin(), said.end(), [](const std::string& line) {
        return line.find("is gone: hung: it has answered none of 6 pings") != std::string::npos;
    }));
    // Whoever collects the lines puts the time to them.
    REQUIRE(std::none_of(said.begin(), said.end(), tells_time));
}

CO_TEST_CASE("M9: a daemon that begins an hour before its predecessor did has a later epoch",
             "[tools][matchmaker][fault][M9]") {
    test::needs_processes();
    for (const bool keeps_state : {true, false}) {
        daemon_place there;
        test::wall_clock wall;
        const std::vector<std::string> options = {"--state",
                                                  keeps_state ? there.folder.path("state") : ""};
        const std::string log = there.folder.path("log");
        auto first = there.start_by(logged_to(log, wall), options);
        static_cast<void>(co_await there.next_word());
        auto client = co_await test::connect_matchmaker(there.where());
        const auto service = start_service(there, wall, "demo.echo");
        auto before = co_await client->find(test::query_of("demo.echo"));
        first.signal(SIGTERM);
        static_cast<void>(co_await there.next_word());
        co_await test::until_ended(first);
        wall.jump(-1h);
        const bool is_back = wall.is_obeyed();
        auto second = there.start_by(logged_to(log, wall), options);
        static_cast<void>(co_await there.next_word());
        auto other = co_await test::connect_matchmaker(there.where());
        auto after = co_await other->find(test::query_of("demo.echo"));
        INFO((keeps_state ? "with" : "without") << " a state folder");
        REQUIRE(is_back);
        REQUIRE(after.at.epoch > before.at.epoch);
        REQUIRE(after.instances.size() == 1);
        REQUIRE(after.instances[0].owner == before.instances[0].owner);
        REQUIRE((!keeps_state || after.instances[0].id == before.instances[0].id));
    }
}

CO_TEST_CASE("M9: where the monotonic clock was an hour ahead a successor goes on from there",
             "[tools][matchmaker][fault][M9]") {
    test::needs_processes();
    const std::vector<std::string> an_hour_ahead = {
        "/usr/bin/unshare", "--time", "--monotonic", "3600", "--boottime", "3600"};
    std::vector<std::string> trial = an_hour_ahead;
    trial.push_back("/bin/true");
    if (test::child_process(trial).wait().code != 0) co_return test::skip("no time namespaces");
    daemon_place there;
    const test::wall_clock wall;
    auto first = there.start_by(an_hour_ahead, {"--quiet"});
    static_cast<void>(co_await there.next_word());
    auto client = co_await test::connect_matchmaker(there.where());
    const auto service = start_service(there, wall, "demo.echo");
    auto before = co_await client->find(test::query_of("demo.echo"));
    first.signal(SIGTERM);
    static_cast<void>(co_await there.next_word());
    co_await test::until_ended(first);
    auto second = there.start();
    static_cast<void>(co_await there.next_word());
    auto other = co_await test::connect_matchmaker(there.where());
    auto after = co_await other->find(test::query_of("demo.echo"));
    const auto since_boot = std::chrono::nanoseconds(clock::now().time_since_epoch());
    REQUIRE(before.at.epoch > static_cast<std::uint64_t>(since_boot.count()));
    REQUIRE(after.at.epoch == before.at.epoch + 1);
    REQUIRE(after.instances.size() == 1);
    REQUIRE(after.instances[0].owner.pid == service.pid());
}
