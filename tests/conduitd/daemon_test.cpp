// SPDX-License-Identifier: BSL-1.0
//
// conduitd as it is installed: started, told to read its policy again, taken over, stopped and
// killed, and what its service manager hears of it.

#include <conduitd/daemon.hpp>

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/temp_dir.hpp"
#include "daemon_place.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/when_any.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using test::daemon_place;
using test::exit_code_of;
using test::until_ended;

namespace {

void write_file(const std::string& path, std::string_view text) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
}

task<bool> may_announce(rpc::matchmaker_interface& at, rpc::instance_offer offer) {
    const rpc::instance_offer own = std::move(offer);
    auto announced = co_await rpc::try_call(at.announce(own));
    if (!announced) co_return false;
    static_cast<void>(co_await at.withdraw(announced->id));
    co_return true;
}

/// What daemons said, but for the turns in which they were off the CPU.
std::string text_of(const std::string& path) {
    std::ifstream in(path);
    std::string text;
    for (std::string line; std::getline(in, line);) {
        if (line.find(" kept the loop from turning for ") == line.npos) text += line + '\n';
    }
    return text;
}

/// Of the process that listens there.
task<std::int32_t> pid_at(const daemon_place& there) {
    auto peer = co_await unix_stream::connect(there.folder.path("matchmaker.sock"));
    const auto who = peer.value().connected_by();
    co_return who.value().pid;
}

/// The epoch that every answer bears, as which a client knows the stale ones.
struct epochs_answered {
    std::vector<std::uint64_t> all;

    bool are_of(std::uint64_t epoch) const {
        return std::all_of(all.begin(), all.end(),
                           [epoch](std::uint64_t each) { return each == epoch; });
    }
};

/// Of all that can be asked about a name that is offered.
task<epochs_answered> answers_of(rpc::matchmaker_interface& at, std::string name) {
    const rpc::instance_query query = test::query_of(std::move(name));
    epochs_answered said;
    auto looked = co_await at.lookup(query);
    said.all.push_back(looked.at.epoch);
    auto found = co_await at.find(query);
    said.all.push_back(found.at.epoch);
    auto listed = co_await at.list(test::all_names(), std::nullopt, 256);
    said.all.push_back(listed.at.epoch);
    auto status = co_await at.status();
    said.all.push_back(status.at.epoch);
    auto watch = at.watch(test::all_names(), std::nullopt);
    auto told = co_await test::until_complete(watch);
    for (const rpc::watch_event& each : told) said.all.push_back(each.at.epoch);
    auto connected = co_await at.connect(query);
    said.all.push_back(connected.at.epoch);
    co_return said;
}

/// Listens and says so, and takes whoever comes, until it is killed.
task<int> listen_as_another(std::string path, unique_fd ready) {
    auto tells = pipe_writer::adopt(std::move(ready)).value();
    auto listener = unix_listener::listen(path).value();
    auto told = co_await write_all(tells, bytes_of("!"));
    if (!told) co_return 1;
    while (auto peer = co_await listener.accept()) {
        if (!peer->is_open()) co_return 2;
    }
    co_return 3;
}

const test::helper listens("listens where a conduitd would",
                           [](const test::helper_arguments& given) {
                               return run(listen_as_another(given.at(0), unique_fd(3)));
                           });

}  // namespace

CO_TEST_CASE("conduitd serves, says so, and ends when it is asked to", "[tools][matchmaker]") {
    test::needs_processes();
    daemon_place there;
    auto daemon = there.start();
    auto ready = co_await there.next_word();
    auto client = co_await test::connect_matchmaker(there.where());
    const test::announced_socket socket(there.folder.path("echo"));
    auto announced = co_await client->announce(socket.offer("demo.echo"));
    auto found = co_await client->lookup(test::query_of("demo.echo"));
    daemon.signal(SIGTERM);
    auto stopping = co_await there.next_word();
    auto code = co_await exit_code_of(daemon);
    const bool is_removed = ::access(there.folder.path("matchmaker.sock").c_str(), F_OK) != 0;
    REQUIRE(ready == "READY=1");
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == announced.id);
    REQUIRE(stopping == "STOPPING=1");
    REQUIRE(code == 0);
    REQUIRE(is_removed);
}

CO_TEST_CASE("conduitd knows after a restart who was there, and each has an epoch of its own",
             "[tools][matchmaker]") {
    test::needs_processes();
    daemon_place there;
    const test::announced_socket socket(there.folder.path("echo"));
    rpc::announcement before;
    {
        auto daemon = there.start();
        static_cast<void>(co_await there.next_word());
        auto client = co_await test::connect_matchmaker(there.where());
        before = co_await client->announce(socket.offer("demo.echo"));
        daemon.signal(SIGTERM);
        static_cast<void>(co_await there.next_word());
        co_await until_ended(daemon);
    }
    auto daemon = there.start();
    static_cast<void>(co_await there.next_word());
    auto client = co_await test::connect_matchmaker(there.where());
    auto found = co_await client->lookup(test::query_of("demo.echo"));
    auto again = co_await client->announce(socket.offer("demo.echo"));
    REQUIRE(found.at.epoch > before.at.epoch);
    REQUIRE(found.source == rpc::answer_source::warming);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(again.id == before.id);
}

CO_TEST_CASE("M4: of two daemons that are started at once one serves, and the other says why not",
             "[tools][matchmaker][fault][M4]") {
    test::needs_processes();
    daemon_place there;
    const std::string log = there.folder.path("log");
    const std::vector<std::string> logged = {"/bin/sh", "-c", R"(exec "$@" 2>>"$0")", log};
    auto one = there.start_by(logged, {"--quiet"});
    auto other = there.start_by(logged, {"--quiet"});
    auto ready = co_await there.next_word();
    auto first = co_await when_any(until_ended(one), until_ended(other));
    test::child_process& loser = first.index == 0 ? one : other;
    test::child_process& winner = first.index == 0 ? other : one;
    const exit_status lost = loser.wait();
    const std::string said = text_of(log);
    auto client = co_await test::connect_matchmaker(there.where());
    const std::int32_t serving = co_await pid_at(there);
    const test::announced_socket socket(there.folder.path("echo"));
    auto announced = co_await client->announce(socket.offer("demo.echo"));
    auto before = co_await answers_of(*client, "demo.echo");
    const std::int32_t winning_pid = winner.pid();
    winner.kill();
    co_await there.until_free();
    auto third = there.start();
    auto ready_again = co_await there.next_word();
    auto later = co_await test::connect_matchmaker(there.where());
    auto again = co_await later->announce(socket.offer("demo.echo"));
    auto after = co_await answers_of(*later, "demo.echo");
    REQUIRE(ready == "READY=1");
    REQUIRE(lost.code == daemon::exit_unavailable);
    REQUIRE(said ==
            "conduitd: error: another matchmaker uses '" + there.folder.path("state") + "'\n");
    REQUIRE(serving == winning_pid);
    REQUIRE(before.are_of(announced.at.epoch));
    REQUIRE(ready_again == "READY=1");
    REQUIRE(after.are_of(again.at.epoch));
    REQUIRE(again.at.epoch > announced.at.epoch);
}

CO_TEST_CASE("M4: a daemon takes over from the one that serves", "[tools][matchmaker][fault][M4]") {
    test::needs_processes();
    daemon_place there;
    auto old = there.start();
    static_cast<void>(co_await there.next_word());
    auto before = co_await test::connect_matchmaker(there.where());
    const test::announced_socket socket(there.folder.path("echo"));
    auto announced = co_await before->announce(socket.offer("demo.echo"));
    auto at_first = co_await answers_of(*before, "demo.echo");
    auto fresh = there.start({"--take-over"});
    auto stopping = co_await there.next_word();
    auto ready = co_await there.next_word();
    auto code = co_await exit_code_of(old);
    auto after = co_await test::connect_matchmaker(there.where());
    const std::int32_t serving = co_await pid_at(there);
    auto again = co_await after->announce(socket.offer("demo.echo"));
    auto at_last = co_await answers_of(*after, "demo.echo");
    auto fenced = co_await rpc::try_call(before->lookup(test::query_of("demo.echo")));
    REQUIRE(stopping == "STOPPING=1");
    REQUIRE(ready == "READY=1");
    REQUIRE(code == 0);
    REQUIRE(serving == fresh.pid());
    REQUIRE(at_first.are_of(announced.at.epoch));
    REQUIRE(at_last.are_of(again.at.epoch));
    REQUIRE(again.at.epoch > announced.at.epoch);
    REQUIRE(again.id == announced.id);  // taken up, with the number of the epoch that gave it
    REQUIRE_FALSE(fenced);              // nobody answers for the epoch that is over
}

CO_TEST_CASE("M4: a daemon does not end another program to take its place",
             "[tools][matchmaker][fault][M4]") {
    test::needs_processes();
    daemon_place there;
    auto ends = make_pipe().value();
    unique_fd theirs = ends.writer.detach().value();
    auto other = test::child_process::helper("listens where a conduitd would",
                                             {there.folder.path("matchmaker.sock")},
                                             {{theirs.native().value(), 3}});
    theirs.reset();
    std::array<std::byte, 1> room{};
    auto listening = co_await ends.reader.read_some(std::span(room));
    auto refused = there.start({"--take-over"});
    auto code = co_await exit_code_of(refused);
    auto still = co_await unix_stream::connect(there.folder.path("matchmaker.sock"));
    const bool has_ended = other.has_ended();
    other.kill();
    co_await there.until_free();
    auto taken = there.start({"--take-over"});
    auto ready = co_await there.next_word();
    REQUIRE(listening.value() == 1);
    REQUIRE(code == daemon::exit_unavailable);
    REQUIRE(still);
    REQUIRE_FALSE(has_ended);
    REQUIRE(ready == "READY=1");
}

CO_TEST_CASE("M10: a malformed policy is not taken, and the old one is kept",
             "[tools][matchmaker][fault][M10]") {
    test::needs_processes();
    daemon_place there;
    const std::string policy = there.folder.path("policy");
    const test::announced_socket socket(there.folder.path("s"));
    write_file(policy, "demo.* anyone\n");
    auto daemon = there.start({"--policy", policy});
    static_cast<void>(co_await there.next_word());
    auto client = co_await test::connect_matchmaker(there.where());
    const bool at_first = co_await may_announce(*client, socket.offer("demo.a"));
    write_file(policy, "other.* anyone\ndemo.* user:nosuchuser\n");
    daemon.signal(SIGHUP);
    auto reloading = co_await there.next_word();
    auto ready = co_await there.next_word();
    const bool still = co_await may_announce(*client, socket.offer("demo.b"));
    const bool not_yet = co_await may_announce(*client, socket.offer("other.a"));
    write_file(policy, "other.* anyone\n");
    daemon.signal(SIGHUP);
    static_cast<void>(co_await there.next_word());
    static_cast<void>(co_await there.next_word());
    const bool no_more = co_await may_announce(*client, socket.offer("demo.c"));
    const bool now = co_await may_announce(*client, socket.offer("other.b"));
    REQUIRE(at_first);
    REQUIRE(reloading == "RELOADING=1");
    REQUIRE(ready == "READY=1");
    REQUIRE(still);
    REQUIRE_FALSE(not_yet);
    REQUIRE_FALSE(no_more);
    REQUIRE(now);
}

CO_TEST_CASE("M10: conduitd serves on when nobody reads what it says any more",
             "[tools][matchmaker][fault][M10]") {
    test::needs_processes();
    daemon_place there;
    const std::string policy = there.folder.path("policy");
    write_file(policy, "demo.* anyone\n");
    auto daemon = there.start_unread({"--policy", policy});
    static_cast<void>(co_await there.next_word());
    write_file(policy, "demo.* user:nosuchuser\n");
    daemon.signal(SIGHUP);  // of which it warns
    static_cast<void>(co_await there.next_word());
    auto ready = co_await there.next_word();
    daemon.signal(SIGTERM);
    auto code = co_await exit_code_of(daemon);
    REQUIRE(ready == "READY=1");
    REQUIRE(code == 0);
}

CO_TEST_CASE("M10: conduitd does not begin with a bad policy", "[tools][matchmaker][fault][M10]") {
    test::needs_processes();
    daemon_place there;
    write_file(there.folder.path("policy"), "demo.*\n");
    auto malformed = there.start({"--policy", there.folder.path("policy")});
    auto code = co_await exit_code_of(malformed);
    auto missing = there.start({"--policy", there.folder.path("none")});
    auto other_code = co_await exit_code_of(missing);
    REQUIRE(code == daemon::exit_policy);
    REQUIRE(other_code == daemon::exit_policy);
}

CO_TEST_CASE("M10: conduitd serves from memory where its state folder is none of its own",
             "[tools][matchmaker][fault][M10]") {
    test::needs_processes();
    daemon_place there;
    const std::string link = there.folder.path("link");
    ::mkdir(there.folder.path("real").c_str(), 0700);
    REQUIRE(::symlink("real", link.c_str()) == 0);
    auto daemon = there.start({"--state", link});
    auto ready = co_await there.next_word();
    auto client = co_await test::connect_matchmaker(there.where());
    const test::announced_socket socket(there.folder.path("s"));
    const bool serves = co_await may_announce(*client, socket.offer("demo.a"));
    const bool kept = ::access(there.folder.path("real/instances").c_str(), F_OK) == 0;
    REQUIRE(ready == "READY=1");
    REQUIRE(serves);
    REQUIRE_FALSE(kept);
}

CO_TEST_CASE("conduitd serves at sockets that a service manager passes", "[tools][matchmaker]") {
    test::needs_processes();
    daemon_place there;
    const std::string path = there.folder.path("passed");
    auto listener = unix_listener::listen(path).value();
    const unique_fd socket = listener.detach().value();
    const std::string command = "export NOTIFY_SOCKET=" + there.folder.path("notify") +
                                " LISTEN_PID=$$ LISTEN_FDS=1; exec " CONDUITD " --quiet --listen " +
                                there.where() + " --state ''";
    auto daemon = test::child_process::shell(command, {{socket.native().value(), 3}});
    auto ready = co_await there.next_word();
    auto client = co_await test::connect_matchmaker("unix:" + path);
    auto status = co_await client->status();
    const bool has_own = ::access(there.folder.path("matchmaker.sock").c_str(), F_OK) == 0;
    daemon.signal(SIGTERM);
    auto code = co_await exit_code_of(daemon);
    const bool is_left = ::access(path.c_str(), F_OK) == 0;
    REQUIRE(ready == "READY=1");
    REQUIRE(status.counts.contains("instances"));
    REQUIRE_FALSE(has_own);
    REQUIRE(code == 0);
    REQUIRE(is_left);
}

CO_TEST_CASE("conduitd says which of the promised sockets it cannot serve at",
             "[tools][matchmaker]") {
    test::needs_processes();
    daemon_place there;
    const std::string log = there.folder.path("log");
    const auto start = [&there, &log](const std::string& said, test::inherited_descriptors passed) {
        const std::string command = "export LISTEN_PID=$$ LISTEN_FDS=" + said +
                                    "; exec " CONDUITD " --quiet --listen " + there.where() +
                                    " 2>>" + log;
        return test::child_process::shell(command, passed);
    };
    auto closed = start("1", {});
    auto first = co_await exit_code_of(closed);
    auto nonsense = start("one", {});
    auto second = co_await exit_code_of(nonsense);
    auto no_socket = start("1", {{2, 3}});
    auto third = co_await exit_code_of(no_socket);
    const std::string said = text_of(log);
    REQUIRE(first == daemon::exit_unavailable);
    REQUIRE(second == daemon::exit_unavailable);
    REQUIRE(third == daemon::exit_unavailable);
    REQUIRE(said ==
            "conduitd: error: cannot listen at inherited sockets: descriptor 3, of which the "
            "variable LISTEN_FDS tells, was not open when this process began, or was taken "
            "before\n"
            "conduitd: error: cannot listen at inherited sockets: the variable LISTEN_FDS is no "
            "number from 0 to 4096\n"
            "conduitd: error: cannot listen at 'inherited descriptor 3 (unknown)': Socket "
            "operation on non-socket\n");
}

TEST_CASE("what conduitd does for its clients leaves it descriptors of its own",
          "[tools][matchmaker][limit]") {
    for (const std::size_t limit : {64U, 1024U, 65'536U, 1'048'576U}) {
        const auto all = daemon::shares_of(limit, true);
        const auto own = daemon::shares_of(limit, false);
        INFO(limit);
        const std::size_t left = limit - std::min<std::size_t>(limit / 4, 128);
        REQUIRE(2 * all.connections + 2 * all.handles <= left);
        REQUIRE(all.connections_per_user <= all.connections / 4);
        REQUIRE(all.handles_per_user <= limit / 8);
        REQUIRE(2 * own.connections + 2 * own.handles <= left);
        REQUIRE(own.connections_per_user <= own.connections);
    }
    const auto most = daemon::shares_of(1'048'576, true);
    REQUIRE(most.connections == 65'536);
    REQUIRE(most.connections_per_user == 16'384);
    REQUIRE(most.handles == 8192);
    REQUIRE(most.handles_per_user == 1024);
}

CO_TEST_CASE("conduitd makes nothing beside a file that is in its place", "[tools][matchmaker]") {
    test::needs_processes();
    daemon_place there;
    write_file(there.folder.path("matchmaker.sock"), "of somebody else");
    auto daemon = there.start();
    auto code = co_await exit_code_of(daemon);
    const auto is_there = [&there](const char* name) {
        return ::access(there.folder.path(name).c_str(), F_OK) == 0;
    };
    REQUIRE(code == daemon::exit_unavailable);
    REQUIRE(is_there("matchmaker.sock"));
    REQUIRE_FALSE(is_there("matchmaker.sock.lock"));
    REQUIRE_FALSE(is_there("state"));
}

CO_TEST_CASE("conduitd refuses a command line that makes no sense", "[tools][matchmaker]") {
    test::needs_processes();
    auto unknown = test::child_process({CONDUITD, "--nonsense"});
    auto at_tcp = test::child_process({CONDUITD, "--listen", "tcp:127.0.0.1:1"});
    const test::temp_dir folder;
    const std::string place = "unix:" + folder.path("m");
    auto no_tcp =
        test::child_process({CONDUITD, "--listen", place, "--tcp", "unix:" + folder.path("other")});
    auto help = test::child_process({CONDUITD, "--help"});
    auto first = co_await exit_code_of(unknown);
    auto second = co_await exit_code_of(at_tcp);
    auto third = co_await exit_code_of(help);
    auto fourth = co_await exit_code_of(no_tcp);
    const bool made_nothing = ::access(folder.path("other").c_str(), F_OK) != 0;
    REQUIRE(first == daemon::exit_usage);
    REQUIRE(second == daemon::exit_usage);
    REQUIRE(third == 0);
    REQUIRE(fourth == daemon::exit_usage);
    REQUIRE(made_nothing);
}
