// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/failure.hpp"
#include "../support/co_test.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"
#include "told_matchmaker.hpp"

#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;
using test::program_end;
using test::run_conduit;
using test::told_instance;

namespace {

rpc::instance tagged() {
    rpc::instance made = told_instance("demo.clock.v1", "unix:/run/clock", 12);
    made.offer.tags = {"zone=eu", "\033[31m"};
    return made;
}

rpc::watch_event event_of(rpc::watch_event_kind kind, std::uint64_t revision) {
    rpc::watch_event made;
    made.kind = kind;
    made.at = {7, revision};
    return made;
}

task<std::string> some_lines(process& from, int count) {
    line_reader lines(from);
    std::string all;
    for (; count > 0; --count) {
        auto line = co_await lines.next();
        all += line.value() + '\n';
    }
    co_return all;
}

/// As a program with --timeout has it.
task<tool::failure> why_not_opened(rpc::matchmaker& at, const char* name) {
    rpc::instance_query query;
    query.name = name;
    rpc::connect_options options;
    auto opened = co_await rpc::try_call(within(100ms, at.open(query, &options)));
    co_return tool::failure::of(opened.error(), {});
}

}  // namespace

CO_TEST_CASE("conduit list prints what the matchmaker knows", "[tools][matchmaker]") {
    test::told_matchmaker there;
    there.known = {tagged(), told_instance("demo.clock.v1", "tcp:localhost:80", 13),
                   told_instance("test.x", "unix:/x", 2)};
    co_await there.listen();
    const auto all = co_await run_conduit("list", "--matchmaker", there.where);
    const auto some = co_await run_conduit("list", "test.", "--json", "--matchmaker", there.where);
    const auto names = co_await run_conduit("list", "--names", "--matchmaker", there.where);
    CHECK(all == program_end{0,
                             "NAME           INSTANCE  STATE  VERSION  WEIGHT  PID   ADDRESS      "
                             "     TAGS\n"
                             "demo.clock.v1  7-12      alive  1.2      100     4711  "
                             "unix:/run/clock   zone=eu \\x1b[31m\n"
                             "demo.clock.v1  7-13      alive  1.2      100     4711  "
                             "tcp:localhost:80\n"
                             "test.x         7-2       alive  1.2      100     4711  unix:/x\n",
                             ""});
    CHECK(some == program_end{0,
                              R"({"epoch": 7, "revision": 33, "source": "live", "age_ms": 0, )"
                              R"("instances": [{"name": "test.x", "address": "unix:/x", )"
                              R"("instance": "7-2", "version": "1.2", "weight": 100, "tags": [], )"
                              R"("state": "alive", "pid": 4711, "uid": 1000}], "left_out": 0})"
                              "\n",
                              ""});
    CHECK(names == program_end{0, "demo.clock.v1\ntest.x\n", ""});
}

CO_TEST_CASE("conduit list takes as many pages as there are", "[tools][matchmaker]") {
    test::told_matchmaker there;
    std::string expected;
    for (std::uint64_t i = 0; i < 600; ++i) {
        const std::string name = "n" + std::to_string(1000 + i);
        there.known.push_back(told_instance(name, "unix:/x", i));
        expected += name + '\n';
    }
    co_await there.listen();
    const auto names = co_await run_conduit("list", "--names", "--matchmaker", there.where);
    CHECK(names == program_end{0, expected, ""});
}

CO_TEST_CASE("conduit says of an answer how many it leaves out, and of a list leaves out none",
             "[tools][matchmaker]") {
    test::told_matchmaker there;
    for (std::uint64_t i = 0; i < 5; ++i) {
        there.known.push_back(told_instance("test.x", "unix:/" + std::to_string(i), i));
    }
    there.room = 2;
    co_await there.listen();
    const auto names = co_await run_conduit("list", "--json", "--matchmaker", there.where);
    const auto found = co_await run_conduit("lookup", "test.x", "--matchmaker", there.where);
    const auto json =
        co_await run_conduit("lookup", "test.x", "--json", "--matchmaker", there.where);
    for (const char* each : {"unix:/0", "unix:/1", "unix:/2", "unix:/3", "unix:/4"}) {
        CHECK_THAT(names.out, Catch::Contains(each));
    }
    CHECK_THAT(names.out, Catch::Contains("\"left_out\": 0}"));
    CHECK(found.err == "conduit: 3 more are not shown: an answer has no room for them\n");
    CHECK_THAT(json.out, Catch::Contains("\"left_out\": 3}"));
    CHECK(json.err.empty());
}

CO_TEST_CASE("conduit lookup prints who offers a name, and says where nobody does",
             "[tools][matchmaker]") {
    test::told_matchmaker there;
    there.known = {told_instance("test.x", "unix:/x", 2)};
    there.source = rpc::answer_source::warming;
    co_await there.listen();
    const auto found = co_await run_conduit("lookup", "test.x", "--interface-version", "1.1",
                                            "--tag", "a", "--matchmaker", there.where);
    const auto asked = there.asked;
    const auto nobody = co_await run_conduit("lookup", "test.y", "--matchmaker", there.where);
    const auto nothing = co_await run_conduit("lookup", "--matchmaker", there.where);
    CHECK(found == program_end{0,
                               "NAME    INSTANCE  STATE  VERSION  WEIGHT  PID   ADDRESS  TAGS\n"
                               "test.x  7-2       alive  1.2      100     4711  unix:/x\n",
                               "conduit: the matchmaker has restarted a moment ago: what is "
                               "missing may come back\n"});
    REQUIRE(asked);
    CHECK(asked->version == rpc::interface_version{1, 1});
    CHECK(asked->tags == std::vector<std::string>{"a"});
    CHECK(nobody == program_end{3, "", "conduit: nobody offers test.y\n"});
    CHECK(nothing == program_end{2, "", "conduit: lookup: expected a NAME\n"});
}

CO_TEST_CASE("conduit find prints an address, and waits for one", "[tools][matchmaker]") {
    test::told_matchmaker there;
    co_await there.listen();
    const auto nobody = co_await run_conduit("find", "test.x", "--matchmaker", there.where);
    auto waiting =
        scope.spawn(run_conduit("find", "test.x", "--wait", "--matchmaker", there.where));
    co_await there.waiting.wait();
    const bool is_done = waiting.is_done();
    there.known = {told_instance("test.x", "unix:/x", 2), told_instance("test.x", "unix:/y", 3)};
    there.announced.set();
    const auto found = co_await std::move(waiting);
    const auto late = co_await run_conduit("find", "test.x", "--wait", "--timeout", "50ms",
                                           "--matchmaker", "unix:" + there.folder.path("nowhere"));
    CHECK(nobody == program_end{3, "", "conduit: nobody offers test.x\n"});
    CHECK_FALSE(is_done);
    CHECK(found == program_end{0, "unix:/x\n", ""});
    CHECK(late.code == 4);
    CHECK_THAT(late.err,
               Catch::Contains("conduit: deadline_exceeded: ") && Catch::Contains("nowhere"));
}

CO_TEST_CASE("conduit watch prints each event until it is interrupted", "[tools][matchmaker]") {
    test::told_matchmaker there;
    using kind = rpc::watch_event_kind;
    there.events = {event_of(kind::resync, 0), event_of(kind::present, 33),
                    event_of(kind::complete, 33), event_of(kind::change, 34),
                    event_of(kind::change, 35)};
    there.events[1].what = tagged();
    there.events[3].what = told_instance("demo.x", "unix:/x", 14);
    there.events[4].what = there.events[3].what;
    there.events[4].change = rpc::change_kind::gone;
    there.events[4].reason = rpc::gone_reason::process_ended;
    there.events[4].detail = "killed by signal 9\033";
    co_await there.listen();

    command program = test::conduit_command("watch", "demo.", "--matchmaker", there.where);
    program.error_output(redirect::to_output());
    auto child = start(std::move(program)).value();
    const std::string printed = co_await some_lines(child, 5);
    child.signal(SIGINT).value();
    const auto rest = co_await read_all(child, 1000);
    const auto ended = co_await child.exited();
    CHECK(printed ==
          "resync     7-0\n"
          "present    7-33     demo.clock.v1 7-12 unix:/run/clock alive version 1.2 weight 100 "
          "zone=eu \\x1b[31m\n"
          "complete   7-33\n"
          "announced  7-34     demo.x 7-14 unix:/x alive version 1.2 weight 100\n"
          "gone       7-35     demo.x 7-14 unix:/x: process_ended (killed by signal 9\\x1b)\n");
    CHECK(rest.value().empty());
    CHECK(ended.value().code == 130);
    REQUIRE(there.watched);
    CHECK(there.watched->text == "demo.");
    CHECK(there.watched->is_prefix);
}

CO_TEST_CASE("conduit watch prints JSON, an event a line", "[tools][matchmaker]") {
    test::told_matchmaker there;
    using kind = rpc::watch_event_kind;
    there.events = {event_of(kind::resync, 0), event_of(kind::complete, 33),
                    event_of(kind::change, 34)};
    there.events[2].what = told_instance("demo.x", "unix:/x", 14);
    there.events[2].change = rpc::change_kind::gone;
    there.events[2].reason = rpc::gone_reason::hung;
    co_await there.listen();
    command program = test::conduit_command("watch", "--json", "--matchmaker", there.where);
    auto child = start(std::move(program)).value();
    const std::string printed = co_await some_lines(child, 3);
    child.signal(SIGTERM).value();
    const auto ended = co_await child.exited();
    CHECK(printed ==
          R"({"event": "resync", "epoch": 7, "revision": 0, "reason": null, "detail": null, )"
          R"("instance": null})"
          "\n"
          R"({"event": "complete", "epoch": 7, "revision": 33, "reason": null, "detail": null, )"
          R"("instance": null})"
          "\n"
          R"({"event": "gone", "epoch": 7, "revision": 34, "reason": "hung", "detail": null, )"
          R"("instance": {"name": "demo.x", "address": "unix:/x", "instance": "7-14", )"
          R"("version": "1.2", "weight": 100, "tags": [], "state": "alive", "pid": 4711, )"
          R"("uid": 1000}})"
          "\n");
    CHECK(ended.value().code == 143);
}

CO_TEST_CASE("conduit waits prints who waits for what", "[tools][matchmaker]") {
    test::told_matchmaker there;
    there.waiters = {{"demo.\033x", 4711, 1000, 1500ms}};
    co_await there.listen();
    const auto text = co_await run_conduit("waits", "--matchmaker", there.where);
    const auto json = co_await run_conduit("waits", "--json", "--matchmaker", there.where);
    there.waiters.assign(
        5, rpc::waiting_client{"demo.y", 4712, 1000, 0ms});  // of which a page has two
    const auto pages = co_await run_conduit("waits", "--json", "--matchmaker", there.where);
    CHECK(std::count(pages.out.begin(), pages.out.end(), '\n') == 5);
    CHECK(text == program_end{0,
                              "NAME        PID   USER  SINCE\n"
                              "demo.\\x1bx  4711  1000  1.50 s\n",
                              ""});
    CHECK(json == program_end{0,
                              R"({"name": "demo.\u001bx", "pid": 4711, "uid": 1000, )"
                              R"("since_ms": 1500})"
                              "\n",
                              ""});
}

CO_TEST_CASE("conduit list, lookup and find ask one server with --at", "[tools]") {
    test::served_calculator there;
    co_await there.listen();
    const auto all = co_await run_conduit("list", "--names", "--at", there.where);
    const auto table = co_await run_conduit("list", "test.", "--at", there.where);
    const auto json =
        co_await run_conduit("lookup", "test.calculator.v1", "--json", "--at", there.where);
    const auto address =
        co_await run_conduit("find", "conduit.health", "--wait", "--at", there.where);
    const auto none = co_await run_conduit("find", "test.x", "--at", there.where);
    const auto watched = co_await run_conduit("watch", "--at", there.where);
    const std::string padding(there.where.size() - 7, ' ');
    CHECK(all == program_end{0,
                             "conduit.describe\nconduit.health\nconduit.stats\n"
                             "test.calculator.v1\n",
                             ""});
    CHECK(table == program_end{0,
                               "NAME                ADDRESS\n"
                               "test.calculator.v1  " +
                                   there.where + "\n",
                               ""});
    CHECK(json ==
          program_end{0, R"({"name": "test.calculator.v1", "address": ")" + there.where + "\"}\n",
                      ""});
    CHECK(address == program_end{0, there.where + "\n", ""});
    CHECK(none == program_end{3, "", "conduit: " + there.where + " does not offer test.x\n"});
    CHECK(watched == program_end{2, "",
                                 "conduit: watch: the matchmaker is asked, so --at means nothing; "
                                 "a server's state is watched by health --watch\n"});
}

CO_TEST_CASE("conduit calls who is found by name, the next one where one is gone",
             "[tools][matchmaker]") {
    test::told_matchmaker names;
    test::served_calculator there;
    const std::string name = "test.calculator.v1";
    names.known = {told_instance(name, "exec:/bin/false", 1),
                   told_instance(name, "unix:" + names.folder.path("gone"), 2),
                   told_instance(name, there.where, 3),
                   told_instance("test.gone", "unix:" + names.folder.path("gone"), 4),
                   told_instance("test.program", "exec:/bin/false", 5)};
    co_await names.listen();
    co_await there.listen();
    const auto called =
        co_await run_conduit("call", name + ".add", "1", "2", "--matchmaker", names.where);
    const auto health = co_await run_conduit("health", name, "--matchmaker", names.where);
    const auto gone = co_await run_conduit("stats", "test.gone", "--timeout", "100ms",
                                           "--matchmaker", names.where);
    const auto program = co_await run_conduit("stats", "test.program", "--timeout", "100ms",
                                              "--matchmaker", names.where);
    const auto nobody = co_await run_conduit("stats", "test.y", "--matchmaker", names.where);
    CHECK(called == program_end{0, "3.0\n", ""});
    CHECK(health == program_end{0, "serving\n", ""});
    for (const program_end& each : {gone, program}) {  // why is known where there was the time
        CHECK(each.code == 4);
        CHECK_THAT(each.err, Catch::StartsWith("conduit: deadline_exceeded: "));
    }
    CHECK(nobody == program_end{3, "", "conduit: nobody offers test.y\n"});
}

TEST_CASE("who cannot be reached in time is named, and why", "[tools][matchmaker][sim]") {
    scheduler sched(scheduler_options().backend(backend_kind::sim));
    const auto body = []() -> task<> {
        test::told_matchmaker names;
        const std::string address = "unix:" + names.folder.path("gone");
        names.known = {told_instance("test.gone", address, 4),
                       told_instance("test.program", "exec:/bin/false", 5)};
        co_await names.listen();
        rpc::matchmaker here(rpc::matchmaker_client_options().at(names.where));
        const auto gone = co_await why_not_opened(here, "test.gone");
        const auto program = co_await why_not_opened(here, "test.program");
        const std::string says = ", says matchmaker '" + names.where + "'; last: ";
        for (const tool::failure& each : {gone, program}) {
            CHECK(each.code() == tool::exit_code::timed_out);
            CHECK(each.status() == "deadline_exceeded");
        }
        CHECK_THAT(gone.what(), Catch::StartsWith("cannot reach 'test.gone'" + says +
                                                  "cannot connect to '" + address + "': "));
        CHECK_THAT(program.what(), Catch::StartsWith("cannot reach 'test.program'" + says) &&
                                       Catch::EndsWith("only unix: and tcp: are taken from there"));
    };
    sched.run(body());
}

CO_TEST_CASE("conduit takes a list for the matchmaker", "[tools][matchmaker]") {
    test::served_calculator there;
    co_await there.listen();
    const std::string name = "test.calculator.v1";
    const std::string list = "list:" + name + " " + there.where + ";demo.x unix:/x";
    const auto names = co_await run_conduit("list", "--names", "--matchmaker", list);
    const auto sum = co_await run_conduit("call", name + ".add", "1", "2", "--matchmaker", list);
    const auto broken = co_await run_conduit("list", "--matchmaker", "list:demo.x");
    CHECK(names == program_end{0, "demo.x\n" + name + "\n", ""});
    CHECK(sum == program_end{0, "3.0\n", ""});
    CHECK(broken.code == 1);
    CHECK_THAT(broken.err, Catch::StartsWith("conduit: failed_precondition: "));
}

CO_TEST_CASE("conduit finds what was announced at a real matchmaker", "[tools][matchmaker]") {
    test::served_calculator there;
    co_await there.listen();
    rpc::matchmaker_server matchmaker;
    co_await matchmaker.start();
    const std::string where = "unix:" + there.folder.path("m");
    co_await matchmaker.server().listen(where);
    auto announcing = co_await rpc::connect<rpc::matchmaker_interface>(where);
    const std::string name = "test.calculator.v1";
    auto waiting = scope.spawn(run_conduit("find", name, "--wait", "--matchmaker", where));
    rpc::instance_offer offer;
    offer.name = name;
    offer.address = there.where;
    const auto announced = co_await announcing->announce(offer);
    const auto found = co_await std::move(waiting);
    const auto names = co_await run_conduit("list", "--names", "--matchmaker", where);
    const auto sum = co_await run_conduit("call", name + ".add", "1", "2", "--matchmaker", where);
    const auto withdrawn = co_await announcing->withdraw(announced.id);
    const auto nobody = co_await run_conduit("lookup", name, "--matchmaker", where);
    static_cast<void>(withdrawn);
    CHECK(found == program_end{0, there.where + "\n", ""});
    CHECK_THAT(names.out, Catch::Contains(name + "\n"));
    CHECK(sum == program_end{0, "3.0\n", ""});
    CHECK(nobody == program_end{3, "", "conduit: nobody offers " + name + "\n"});
}

CO_TEST_CASE("a word that can be no name makes a wrong command line", "[tools][matchmaker]") {
    const test::temp_dir folder;
    rpc::matchmaker_server matchmaker;
    co_await matchmaker.start();
    const std::string where = "unix:" + folder.path("m");
    co_await matchmaker.server().listen(where);
    for (const std::string verb :
         {"list", "lookup", "find", "watch", "describe", "health", "stats"}) {
        const auto ended = co_await run_conduit(verb, "No Name", "--matchmaker", where);
        const std::string what = verb == "list" || verb == "watch" ? "a prefix" : "a name";
        INFO(verb);
        CHECK(ended == program_end{2, "",
                                   "conduit: invalid_argument: " + what +
                                       " consists of a-z, 0-9, '.', '_' and '-', and byte 0 of it "
                                       "is 0x4e\n"});
    }
    const auto waits = co_await run_conduit("find", "No", "--wait", "--matchmaker", where);
    const auto call = co_await run_conduit("call", "No.add", "1", "--matchmaker", where);
    const auto tag = co_await run_conduit("find", "demo.x", "--tag", "a b", "--matchmaker", where);
    CHECK(waits.code == 2);
    CHECK(call.code == 2);
    CHECK(tag.code == 2);
}

CO_TEST_CASE("a word that can be no address makes a wrong command line", "[tools]") {
    for (const std::string word : {"unix:", "tcp:host", "tcp:host:99999", "other:x.y"}) {
        for (const std::string verb : {"describe", "call", "health", "stats"}) {
            auto ending = verb == "call" ? run_conduit(verb, word, "x.y") : run_conduit(verb, word);
            const auto ended = co_await std::move(ending);
            INFO(verb << ' ' << word);
            CHECK(ended.code == 2);
            CHECK_THAT(ended.err, Catch::Contains("address '" + word + "', byte "));
        }
    }
    for (const std::string verb : {"list", "lookup", "find", "describe", "call", "health"}) {
        const auto ended = co_await run_conduit(verb, "x.y", "--at", "tcp:host");
        INFO(verb);
        CHECK(ended.code == 2);
        CHECK_THAT(ended.err, Catch::Contains("address 'tcp:host', byte 8: a colon and a port"));
    }
    const auto at_none = co_await run_conduit("stats", "--at", "tcp:host");
    const auto datagrams = co_await run_conduit("stats", "udp:localhost:1");
    const auto own = co_await run_conduit("stats", "stdio:");
    CHECK(at_none.code == 2);
    CHECK(datagrams.code == 2);
    CHECK(own.code == 2);
}

CO_TEST_CASE("where there is no matchmaker the path is named", "[tools][matchmaker]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("m");
    const auto named = co_await run_conduit("list", "--matchmaker", where);
    command program = test::conduit_command("list");
    program.environment("CONDUIT_MATCHMAKER", where);
    program.error_output(redirect::capture());
    const auto by_variable = co_await test::run_to_end(std::move(program));
    const auto wrong = co_await run_conduit("list", "--matchmaker", "nonsense");
    CHECK(named.code == 3);
    CHECK_THAT(named.err, Catch::StartsWith("conduit: unavailable: no matchmaker: cannot connect "
                                            "to '" +
                                            where));
    CHECK(by_variable == named);
    CHECK(wrong.code == 2);
}
