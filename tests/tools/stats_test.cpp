// SPDX-License-Identifier: BSL-1.0
#include "../support/co_test.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace conduit;
using test::run_conduit;

CO_TEST_CASE("conduit stats prints calls, failures and limits", "[tools][stats]") {
    test::served_calculator there;
    co_await there.listen();
    const auto added = co_await run_conduit("call", there.where, "add", "1", "2");
    const auto failed = co_await run_conduit("call", there.where, "divide", "1", "0");
    const auto text = co_await run_conduit("stats", there.where);
    const auto json = co_await run_conduit("stats", there.where, "--json");
    const auto prometheus = co_await run_conduit("stats", there.where, "--prometheus");
    CHECK(added.code == 0);
    CHECK(failed.code == 1);
    CHECK(text.code == 0);
    CHECK_THAT(text.out,
               Catch::StartsWith("connections: 1 now, 3 accepted, 0 refused, 2 ended\n"
                                 "calls now: 1; of unknown methods: 0\n"
                                 "bytes: ") &&
                   Catch::Contains("\nMETHOD                       CALLS  FAILED  REFUSED  "
                                   "CUT OFF  MEAN") &&
                   Catch::Contains("\ntest.calculator.v1/add       1      0       0        0") &&
                   Catch::Contains("\ntest.calculator.v1/divide    1      1       0        0"));
    CHECK_THAT(json.out, Catch::StartsWith(R"({"methods": [{"method": "conduit.describe/)") &&
                             Catch::Contains(R"("method": "test.calculator.v1/divide", )"
                                             R"("by_status": {"failed_precondition": 1})"));
    CHECK_THAT(prometheus.out, Catch::StartsWith("# HELP conduit_") &&
                                   Catch::Contains("method=\"add\",status=\"ok\"} 1\n"));
}

CO_TEST_CASE("conduit stats takes one server", "[tools][stats]") {
    const auto nothing = co_await run_conduit("stats");
    const auto many = co_await run_conduit("stats", "unix:/x", "more");
    CHECK(nothing == test::program_end{2, "", "conduit: stats: expected a NAME, or an ADDRESS\n"});
    CHECK(many ==
          test::program_end{2, "", "conduit: stats: nothing follows the NAME or ADDRESS\n"});
}
