// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/server_options.hpp>

#include "../support/tls_certificates.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("a server is for its own user, and bounded, unless told", "[rpc][server_options]") {
    const std::shared_ptr<const tls_context> context = test::tls_world().server();
    const rpc::server_options usual;
    const auto told = rpc::server_options()
                          .connections_max(2)
                          .connections_per_user_max(1)
                          .strangers_max(3)
                          .calls_max(4)
                          .memory_max(5)
                          .handles_held_max(6)
                          .handles_given_max(7)
                          .queue_target(7ms)
                          .turn_time(8us)
                          .socket_mode(0660)
                          .clients(allowed_users().allow_uid(77))
                          .allow_plain_tcp_beyond_loopback()
                          .allow_anonymous_tls_beyond_loopback()
                          .tls(context)
                          .drain_within(10ms)
                          .each(rpc::connection_options().message_max(100'000));
    REQUIRE(usual.strangers_max() == 64);
    REQUIRE(usual.handles_held_max() == 256);
    REQUIRE(usual.handles_given_max() == 256);
    REQUIRE(usual.queue_target() == 50ms);
    REQUIRE(usual.turn_time() == 50us);
    REQUIRE(usual.socket_mode() == 0600);
    REQUIRE_FALSE(usual.plain_tcp_beyond_loopback());
    REQUIRE_FALSE(usual.anonymous_tls_beyond_loopback());
    REQUIRE(usual.tls() == nullptr);
    REQUIRE_FALSE(usual.clients().includes(77, 1000));
    REQUIRE(told.connections_max() == 2);
    REQUIRE(told.connections_per_user_max() == 1);
    REQUIRE(told.strangers_max() == 3);
    REQUIRE(told.calls_max() == 4);
    REQUIRE(told.memory_max() == 5);
    REQUIRE(told.handles_held_max() == 6);
    REQUIRE(told.handles_given_max() == 7);
    REQUIRE(told.queue_target() == 7ms);
    REQUIRE(told.turn_time() == 8us);
    REQUIRE(told.socket_mode() == 0660);
    REQUIRE(told.clients().includes(77, 1000));
    REQUIRE(told.plain_tcp_beyond_loopback());
    REQUIRE(told.anonymous_tls_beyond_loopback());
    REQUIRE(told.tls() == context);
    REQUIRE(told.drain_within() == 10ms);
    REQUIRE(told.each().message_max() == 100'000);
}
