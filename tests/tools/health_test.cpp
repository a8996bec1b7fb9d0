// SPDX-License-Identifier: BSL-1.0
#include "../support/co_test.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"

#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/rpc/health.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace conduit;
using rpc::health_state;
using test::program_end;
using test::run_conduit;

CO_TEST_CASE("conduit health says whether a service wants work, by its exit code too",
             "[tools][health]") {
    test::served_calculator there;
    co_await there.listen();
    there.server.set_health("database", health_state::not_serving);
    const auto good = co_await run_conduit("health", there.where, "test.calculator.v1");
    const auto bad = co_await run_conduit("health", there.where, "database");
    const auto json = co_await run_conduit("health", "database", "--json", "--at", there.where);
    const auto none = co_await run_conduit("health", there.where, "test.none");
    CHECK(good == program_end{0, "serving\n", ""});
    CHECK(bad == program_end{1, "not_serving\n", ""});
    CHECK(json == program_end{1,
                              R"({"service": "database", "state": "not_serving"})"
                              "\n",
                              ""});
    CHECK(none == program_end{3, "unknown\n", ""});
}

CO_TEST_CASE("conduit health prints all services of a server", "[tools][health]") {
    test::served_calculator there;
    co_await there.listen();
    there.server.set_health("\033", health_state::not_serving);
    const auto all = co_await run_conduit("health", there.where);
    CHECK(all == program_end{0,
                             "SERVICE             STATE\n"
                             "(the whole server)  serving\n"
                             "\\x1b                not_serving\n"
                             "conduit.describe    serving\n"
                             "conduit.health      serving\n"
                             "conduit.stats       serving\n"
                             "test.calculator.v1  serving\n",
                             ""});
}

CO_TEST_CASE("conduit health --watch prints each change until the server goes", "[tools][health]") {
    test::served_calculator there;
    co_await there.listen();
    command program = test::conduit_command("health", there.where, "database", "--watch");
    auto child = start(std::move(program)).value();
    line_reader lines(child);
    const auto first = co_await lines.next();
    there.server.set_health("database", health_state::serving);
    const auto second = co_await lines.next();
    auto drained = co_await there.server.drain();
    static_cast<void>(drained);
    const auto third = co_await lines.next();
    const auto ended = co_await child.exited();
    CHECK(first.value() == "unknown");
    CHECK(second.value() == "serving");
    CHECK(third.value() == "not_serving");
    CHECK(ended.value().code == 1);
}
