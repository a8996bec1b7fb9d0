// SPDX-License-Identifier: BSL-1.0
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"

#include <conduit/rpc/stats.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace conduit;
using test::program_end;
using test::run_conduit;
using test::run_with_input;

CO_TEST_CASE("conduit call prints what a method returns", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const std::string name = "test.calculator.v1";
    const auto plain = co_await run_conduit("call", there.where, name + ".add", "1", "2.5");
    const auto named =
        co_await run_conduit("call", name + "/add", "rhs=2", "1", "--at", there.where);
    const auto json = co_await run_conduit("call", there.where, name + ".add", "[1, 2]");
    const auto text = co_await run_conduit("call", there.where, name + ".repeat", "ab \"", "2");
    const auto alone = co_await run_conduit("call", there.where, "add", "3", "4");
    CHECK(plain == program_end{0, "3.5\n", ""});
    CHECK(named == program_end{0, "3.0\n", ""});
    CHECK(json == program_end{0, "3.0\n", ""});
    CHECK(text == program_end{0,
                              R"("ab \"ab \"")"
                              "\n",
                              ""});
    CHECK(alone == program_end{0, "7.0\n", ""});
}

CO_TEST_CASE("conduit call prints nothing where nothing comes back", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const auto noted = co_await run_conduit("call", there.where, "note", "a line");
    CHECK(there.object.lines == std::vector<std::string>{"a line"});
    const auto cleared = co_await run_conduit("call", there.where, "clear");
    const auto as_json = co_await run_conduit("call", there.where, "clear", "--json");
    CHECK(noted == program_end{0, "", ""});
    CHECK(cleared == program_end{0, "", ""});
    CHECK(as_json == program_end{0, "null\n", ""});
    CHECK(there.object.lines.empty());
}

CO_TEST_CASE("conduit call prints a line for each item, and reads them so", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const auto counted = co_await run_conduit("call", there.where, "count", "3", "6");
    const auto mean = co_await run_with_input("1\n2.5\n\n4", "call", there.where, "mean");
    const auto sums = co_await run_with_input("1\n2\n", "call", there.where, "running_sum", "1");
    const auto unused = co_await run_with_input("5\n", "call", there.where, "add", "1", "2");
    CHECK(counted == program_end{0, "3\n4\n5\n", ""});
    CHECK(mean == program_end{0, "2.5\n", ""});
    CHECK(sums == program_end{0, "2.0\n4.0\n", ""});
    CHECK(unused == program_end{0, "3.0\n", ""});
}

CO_TEST_CASE("conduit call says what a call failed with", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const auto divided = co_await run_conduit("call", there.where, "divide", "4", "0");
    const auto as_json = co_await run_conduit("call", there.where, "divide", "4", "0", "--json");
    const auto mean = co_await run_conduit("call", there.where, "mean");
    CHECK(divided.code == 1);
    CHECK(divided.out.empty());
    CHECK_THAT(divided.err,
               Catch::StartsWith("conduit: division_by_zero: ") &&
                   Catch::EndsWith(" {\"dividend\": 4.0, \"note\": \"a note that needs memory of "
                                   "its own\"}\n"));
    CHECK(as_json.code == 1);
    CHECK_THAT(as_json.err, Catch::StartsWith(R"({"error": {"exit": 1, "text": )") &&
                                Catch::Contains(R"("status": "division_by_zero", "details": )"
                                                R"({"dividend": 4.0, )"));
    CHECK(mean == program_end{1, "",
                              "conduit: invalid_argument: test.calculator.v1/mean: the mean of "
                              "nothing (at " +
                                  there.where + ")\n"});
}

CO_TEST_CASE("conduit call refuses arguments that do not fit, with nothing sent", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const auto word = co_await run_conduit("call", there.where, "add", "1", "two");
    const auto many = co_await run_conduit("call", there.where, "add", "1", "2", "3");
    const auto item = co_await run_with_input("1\ntwo\n", "call", there.where, "mean");
    CHECK(word == program_end{2, "",
                              "conduit: invalid_argument: test.calculator.v1/add: the arguments: "
                              "$[1]: expected an f64, found \"two\" (at " +
                                  there.where + ")\n"});
    CHECK(many == program_end{2, "",
                              "conduit: test.calculator.v1/add: argument 3: there are only 2 "
                              "parameters: (lhs: f64, rhs: f64)\n"});
    CHECK(item.code == 2);
    CHECK_THAT(item.err, Catch::Contains("item 1 of the parameter: "));
    for (const auto& each : there.server.stats().methods) {
        CHECK(each.method != "test.calculator.v1/add");
    }
}

CO_TEST_CASE("conduit call tells what is not there from what failed", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const std::string nowhere = "unix:" + there.folder.path("nowhere");
    const auto method = co_await run_conduit("call", there.where, "sub", "1");
    const auto interface = co_await run_conduit("call", there.where, "other.v1.sub", "1");
    const auto server = co_await run_conduit("call", nowhere, "other.v1.sub", "1");
    const auto nothing = co_await run_conduit("call", there.where);
    const auto no_method = co_await run_conduit("call", "calculator", "1");
    CHECK(method == program_end{3, "",
                                "conduit: " + there.where +
                                    ": test.calculator.v1 has no method of that name\n"});
    CHECK(interface ==
          program_end{3, "",
                      "conduit: " + there.where + ": no interface other.v1 is offered here\n"});
    CHECK(server.code == 3);
    CHECK_THAT(server.err, Catch::StartsWith("conduit: unavailable: cannot connect to '") &&
                               Catch::Contains("nowhere"));
    CHECK(nothing == program_end{2, "", "conduit: call: a METHOD follows the address\n"});
    CHECK(no_method == program_end{2, "",
                                   "conduit: call: expected NAME.METHOD, found "
                                   "calculator\n"});
}

CO_TEST_CASE("conduit call gives up when its time is over", "[tools][call]") {
    test::served_calculator there;
    co_await there.listen();
    const auto late = co_await run_conduit("call", there.where, "wait", "x", "--timeout", "50ms");
    const auto own = co_await run_conduit("call", there.where, "wait_briefly");
    CHECK(late.code == 4);
    CHECK_THAT(late.err, Catch::StartsWith("conduit: deadline_exceeded: "));
    CHECK(own.code == 4);
    while (there.object.running != 0) co_await test::come_round();  // the server was told
}

CO_TEST_CASE("conduit call starts a program and calls that", "[tools][call]") {
    const auto added = co_await run_conduit("call", test::subject_program(), "add", "1", "2");
    const auto mute = co_await run_conduit("call", "exec:true", "add", "1");
    CHECK(added == program_end{0, "3\n", ""});
    CHECK(mute.code == 3);
    CHECK_THAT(mute.err,
               Catch::StartsWith("conduit: unavailable: ") && Catch::Contains("exec:true"));
}

CO_TEST_CASE("conduit call --wait waits for who is to listen", "[tools][call]") {
    test::served_calculator there;
    auto waiting = scope.spawn(run_conduit("call", there.where, "add", "1", "2", "--wait"));
    co_await test::settle();
    const bool is_done = waiting.is_done();
    co_await there.listen();
    const auto said = co_await std::move(waiting);
    const auto late = co_await run_conduit("stats", "unix:" + there.folder.path("nowhere"),
                                           "--wait", "--timeout", "100ms");
    CHECK_FALSE(is_done);
    CHECK(said == program_end{0, "3.0\n", ""});
    CHECK(late.code == 4);
    CHECK_THAT(late.err, Catch::Contains("nowhere"));
}
