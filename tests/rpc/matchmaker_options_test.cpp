// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_options.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("a matchmaker's options keep what was set", "[rpc][matchmaker]") {
    const auto made = rpc::matchmaker_options()
                          .server(rpc::server_options().connections_max(7))
                          .state("/run/x")
                          .names_max(1, 2)
                          .instances_max(3, 4)
                          .watches_max(5, 6)
                          .waits_max(7, 8)
                          .bytes_max(9, 10)
                          .handles_max(19, 20)
                          .history_max(11)
                          .watch_changes_max(12)
                          .ping_every(13ms)
                          .suspect_after(14)
                          .gone_after(15)
                          .confirm_within(16ms)
                          .accept_within(17ms)
                          .save_within(18ms);
    using rpc::detail::registry_resource;
    REQUIRE(made.server().connections_max() == 7);
    REQUIRE(made.state() == "/run/x");
    REQUIRE(made.limits().most(registry_resource::names).per_user == 1);
    REQUIRE(made.limits().most(registry_resource::names).all == 2);
    REQUIRE(made.limits().most(registry_resource::instances).all == 4);
    REQUIRE(made.limits().most(registry_resource::watches).per_user == 5);
    REQUIRE(made.limits().most(registry_resource::waiters).all == 8);
    REQUIRE(made.limits().most(registry_resource::bytes).per_user == 9);
    REQUIRE(made.limits().most(registry_resource::handles).per_user == 19);
    REQUIRE(made.limits().most(registry_resource::handles).all == 20);
    REQUIRE(made.limits().history_changes_max() == 11);
    REQUIRE(made.limits().watch_changes_max() == 12);
    REQUIRE(made.ping_every() == 13ms);
    REQUIRE(made.suspect_after() == 14);
    REQUIRE(made.gone_after() == 15);
    REQUIRE(made.confirm_within() == 16ms);
    REQUIRE(made.accept_within() == 17ms);
    REQUIRE(made.save_within() == 18ms);
}

TEST_CASE("a matchmaker's limits are those of the documents unless set", "[rpc][matchmaker]") {
    const rpc::matchmaker_options made;
    using rpc::detail::registry_resource;
    REQUIRE(made.limits().most(registry_resource::names).per_user == 256);
    REQUIRE(made.limits().most(registry_resource::instances).per_user == 1024);
    REQUIRE(made.ping_every() == 5s);
    REQUIRE(made.suspect_after() == 2);
    REQUIRE(made.gone_after() == 6);
    REQUIRE(made.confirm_within() == 10s);
    REQUIRE(made.state().empty());
}
