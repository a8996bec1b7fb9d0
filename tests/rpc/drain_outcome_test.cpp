// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/drain_outcome.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/server.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("outcomes of several servers add up, and one that was cut off is not clean",
          "[rpc][server]") {
    rpc::drain_outcome all;
    REQUIRE(all.is_clean());
    REQUIRE(all.exit_status() == 0);
    all.add(rpc::drain_outcome(1, 3));
    all.add(rpc::drain_outcome());
    all.add(rpc::drain_outcome(2, 0));
    REQUIRE_FALSE(all.is_clean());
    REQUIRE(all.connections_cut() == 3);
    REQUIRE(all.calls_cut() == 3);
    REQUIRE(all.exit_status() == 75);
}

CO_TEST_CASE("a server that had the time to drain has cut nothing off", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    co_await here->touch();
    there.server.stop();
    const rpc::drain_outcome end = co_await there.server.run();
    REQUIRE(end.is_clean());
    REQUIRE(end.calls_cut() == 0);
    REQUIRE(end.exit_status() == 0);
}

CO_TEST_CASE("what was cut off when the time was over is counted, for all who wait for it",
             "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().drain_within(1ms));
    co_await there.server.listen(where);
    auto busy = co_await test::connect_subject(where);
    auto idle = co_await test::connect_subject(where);
    co_await idle->touch();
    auto first = scope.spawn(test::try_hold(*busy));
    auto second = scope.spawn(test::try_hold(*busy));
    co_await test::until_held(there.object, 2);
    there.server.stop();
    const rpc::drain_outcome end = co_await there.server.run();
    const rpc::drain_outcome again = co_await there.server.drain();
    auto why = co_await first;
    const auto end_of_second = co_await second;
    static_cast<void>(end_of_second);
    REQUIRE(end.connections_cut() == 1);
    REQUIRE(end.calls_cut() == 2);
    REQUIRE(end.exit_status() == rpc::drain_outcome::exit_status_when_cut);
    REQUIRE(again.calls_cut() == 2);
    REQUIRE(why.error().may_have_run());
    REQUIRE(there.object.released == 2);
}
