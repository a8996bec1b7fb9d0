// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/udp_datagram.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;

static_assert(channel<udp_datagram>);

CO_TEST_CASE("a datagram arrives whole and says from whom", "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto there = udp_datagram::bind(0).value();
    const auto to = there.local_address().value();
    std::array<std::byte, 16> buffer{};
    auto first = co_await here.send_to(bytes_of("one"), to);
    auto second = co_await here.send_to(bytes_of("second"), to);
    auto one = co_await there.receive_from(buffer);
    auto two = co_await there.receive_from(buffer);
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE(one.value().bytes == 3);
    REQUIRE(two.value().bytes == 6);
    REQUIRE_FALSE(one->truncated);
    REQUIRE(one->from == here.local_address().value());
}

CO_TEST_CASE("an empty datagram is one, too", "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto there = udp_datagram::bind(0).value();
    std::array<std::byte, 16> buffer{};
    const std::span<const std::byte> nothing;
    auto sent = co_await here.send_to(nothing, there.local_address().value());
    auto got = co_await there.receive_from(buffer);
    REQUIRE(sent);
    REQUIRE(got.value().bytes == 0);
    REQUIRE(got->from == here.local_address().value());
}

CO_TEST_CASE("a datagram longer than the buffer says that it was cut", "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto there = udp_datagram::bind(0).value();
    std::array<std::byte, 4> buffer{};
    auto sent = co_await here.send_to(bytes_of("much too long"), there.local_address().value());
    auto got = co_await there.receive_from(buffer);
    REQUIRE(sent);
    REQUIRE(got.value().bytes == 4);
    REQUIRE(got->truncated);
}

CO_TEST_CASE("a connected socket talks to its peer alone", "[channels][udp_datagram]") {
    auto server = udp_datagram::bind(0).value();
    auto stranger = udp_datagram::bind(0).value();
    auto client = co_await udp_datagram::connect(server.local_address().value());
    const auto of_client = client.value().local_address().value();
    std::array<std::byte, 16> buffer{};
    auto asked = co_await client->send(bytes_of("time?"));
    auto question = co_await server.receive_from(buffer);
    auto intruded = co_await stranger.send_to(bytes_of("I am the server"), of_client);
    auto answered = co_await server.send_to(bytes_of("noon"), question.value().from);
    auto answer = co_await client->receive_from(buffer);
    REQUIRE(asked);
    REQUIRE(intruded);
    REQUIRE(answered);
    REQUIRE(client->peer_address().value() == server.local_address().value());
    REQUIRE(answer.value().bytes == 4);
    REQUIRE(answer->from == server.local_address().value());
}

CO_TEST_CASE("a datagram arrives in a lent buffer, too", "[channels][udp_datagram]") {
    auto server = udp_datagram::bind(0).value();
    auto client = co_await udp_datagram::connect(server.local_address().value());
    auto sent = co_await client.value().send(bytes_of("lent"));
    auto got = co_await server.receive_lent();
    REQUIRE(sent);
    REQUIRE(got.value().bytes().size() == 4);
}

CO_TEST_CASE("connecting by name finds a socket on this host", "[channels][udp_datagram]") {
    auto server = udp_datagram::bind(0).value();
    const auto port = std::to_string(server.local_address().value().port());
    auto client = co_await udp_datagram::connect("localhost", port);
    REQUIRE(client.value().peer_address().value().is_loopback());
}

CO_TEST_CASE("a datagram beyond the limit is refused by name", "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto there = udp_datagram::bind(0).value();
    const auto to = there.local_address().value();
    const std::vector<std::byte> longest(udp_datagram::payload_bytes_max);
    const std::vector<std::byte> too_long(udp_datagram::payload_bytes_max + 1);
    std::vector<std::byte> buffer(udp_datagram::payload_bytes_max);
    auto sent = co_await here.send_to(longest, to);
    auto got = co_await there.receive_from(buffer);
    auto refused = co_await here.send_to(too_long, to);
    REQUIRE(sent);
    REQUIRE(got.value().bytes == udp_datagram::payload_bytes_max);
    REQUIRE_FALSE(got->truncated);
    REQUIRE(refused.error() == std::errc::message_size);
}

CO_TEST_CASE("a refusal reaches a connected socket once, and a bound one never",
             "[channels][udp_datagram][fault]") {
    // Nobody else gets this port meanwhile, and who has it takes datagrams from there only.
    auto elsewhere = udp_datagram::bind(0).value();
    auto taken = co_await udp_datagram::connect(elsewhere.local_address().value());
    const auto nobody = taken.value().local_address().value();
    std::array<std::byte, 16> buffer{};
    auto connected = co_await udp_datagram::connect(nobody);
    auto sent = co_await connected.value().send(bytes_of("x"));
    auto refused = co_await connected->receive_from(buffer);
    auto again = co_await connected->send(bytes_of("x"));
    auto bound = udp_datagram::bind(0).value();
    auto first = co_await bound.send_to(bytes_of("x"), nobody);
    auto second = co_await bound.send_to(bytes_of("x"), nobody);
    REQUIRE(sent);
    REQUIRE(refused.error() == std::errc::connection_refused);
    REQUIRE(again);
    REQUIRE(first);
    REQUIRE(second);
}

CO_TEST_CASE("a socket without a peer says so", "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto sent = co_await here.send(bytes_of("x"));
    REQUIRE(sent.error() == std::errc::destination_address_required);
    REQUIRE(here.peer_address().error() == std::errc::not_connected);
}

CO_TEST_CASE("datagrams leave this host only when told so", "[channels][udp_datagram]") {
    const auto everywhere = socket_address::ip("0.0.0.0", 0).value();
    REQUIRE(udp_datagram::bind(everywhere).error() == std::errc::operation_not_permitted);
    auto told = udp_datagram::bind(everywhere, udp_options().beyond_loopback()).value();
    REQUIRE(told.is_open());
    co_return;
}

CO_TEST_CASE("a port is shared by those who say so", "[channels][udp_datagram]") {
    auto first = udp_datagram::bind(0, udp_options().reuse_port()).value();
    const auto port = first.local_address().value().port();
    REQUIRE(udp_datagram::bind(port, udp_options().reuse_port()));
    REQUIRE(udp_datagram::bind(port).error() == std::errc::address_in_use);
    co_return;
}

CO_TEST_CASE("a cancelled receive takes no datagram", "[channels][udp_datagram][cancel]") {
    auto here = udp_datagram::bind(0).value();
    std::array<std::byte, 16> buffer{};
    auto pending = scope.spawn(here.receive_from(buffer));
    co_await test::settle();
    const bool waits = !pending.is_done();
    pending.request_stop();
    auto cancelled = co_await pending;
    auto sent = co_await here.send_to(bytes_of("kept"), here.local_address().value());
    auto got = co_await here.receive_from(buffer);
    REQUIRE(waits);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(sent);
    REQUIRE(got.value().bytes == 4);
}

CO_TEST_CASE("a detached datagram socket is adopted again, as nothing else",
             "[channels][udp_datagram]") {
    auto here = udp_datagram::bind(0).value();
    auto fd = here.detach();
    auto again = udp_datagram::adopt(std::move(fd.value()));
    REQUIRE(again.value().local_address().value().is_loopback());
    auto stream = udp_datagram::adopt(
        unique_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    REQUIRE(stream.error() == std::errc::invalid_argument);
    co_return;
}

CO_TEST_CASE("an empty datagram in a lent buffer ends nothing", "[channels][udp_datagram]") {
    auto server = udp_datagram::bind(0).value();
    auto client = co_await udp_datagram::connect(server.local_address().value());
    const std::span<const std::byte> nothing;
    for (int round = 0; round < 3; ++round) {
        auto empty = co_await client.value().send(nothing);
        auto more = co_await client->send(bytes_of("more"));
        auto first = co_await server.receive_lent();
        const std::size_t first_size = first.value().bytes().size();
        first = lent_buffer();
        auto second = co_await server.receive_lent();
        REQUIRE(empty);
        REQUIRE(more);
        REQUIRE(first_size == 0);
        REQUIRE(second.value().bytes().size() == 4);
    }
}
