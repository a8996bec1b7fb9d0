// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tcp_stream.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/tcp_pair.hpp"

#include <conduit/channels/detail/tcp_socket.hpp>
#include <conduit/channels/resolver.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/unique_fd.hpp>
#include <conduit/runtime/within.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

static_assert(byte_stream<tcp_stream>);
static_assert(channel<tcp_stream>);

namespace {

/// Has a port of this host at which nobody listens, so that nobody else gets it meanwhile.
class nobody {
public:
    nobody() { current_kernel().bind(socket_, socket_address::ipv4_loopback(0)).value(); }

    socket_address address() const { return current_kernel().local_address(socket_).value(); }

private:
    unique_fd socket_ =
        current_kernel().make_socket(socket_family::ipv4, socket_kind::stream).value();
};

socket_address ipv4(std::uint8_t last) { return socket_address::ipv4({127, 0, 0, last}, 1); }

}  // namespace

CO_TEST_CASE("a TCP stream carries bytes both ways and then each end", "[channels][tcp_stream]") {
    auto [client, server] = co_await test::tcp_pair();
    std::array<std::byte, 16> buffer{};
    auto asked = co_await write_all(client, bytes_of("ping"));
    auto half = co_await client.close_writing();
    auto question = co_await server.read_some(buffer);
    auto end = co_await server.read_some(buffer);
    auto answered = co_await write_all(server, bytes_of("pong!"));
    server.close();
    auto answer = co_await client.read_some(buffer);
    auto last = co_await client.read_some(buffer);
    REQUIRE(asked);
    REQUIRE(half);
    REQUIRE(question.value() == 4);
    REQUIRE(end.value() == 0);
    REQUIRE(answered);
    REQUIRE(answer.value() == 5);
    REQUIRE(last.value() == 0);
}

CO_TEST_CASE("a TCP stream arrives in lent buffers, too", "[channels][tcp_stream]") {
    auto [client, server] = co_await test::tcp_pair();
    auto sent = co_await write_all(client, bytes_of("lent"));
    auto closed = co_await client.close_writing();
    auto got = co_await server.receive_lent();
    auto end = co_await server.receive_lent();
    REQUIRE(sent);
    REQUIRE(closed);
    REQUIRE(got.value().bytes().size() == 4);
    REQUIRE(end.value().empty());
}

CO_TEST_CASE("each end of a TCP stream knows both addresses", "[channels][tcp_stream]") {
    auto [client, server] = co_await test::tcp_pair();
    REQUIRE(client.local_address().value() == server.peer_address().value());
    REQUIRE(client.peer_address().value() == server.local_address().value());
    REQUIRE(client.peer_address().value().is_loopback());
    client.close();
    REQUIRE(client.local_address().error() == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("a cancelled read of a TCP stream loses no bytes", "[channels][tcp_stream][cancel]") {
    auto [client, server] = co_await test::tcp_pair();
    std::array<std::byte, 16> buffer{};
    auto pending = scope.spawn(as_task(server.read_some(buffer)));
    co_await test::settle();
    const bool waits = !pending.is_done();
    pending.request_stop();
    auto cancelled = co_await pending;
    auto sent = co_await write_all(client, bytes_of("kept"));
    auto got = co_await server.read_some(buffer);
    REQUIRE(waits);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(sent);
    REQUIRE(got.value() == 4);
}

CO_TEST_CASE("connecting by name finds a listener on this host", "[channels][tcp_stream]") {
    auto listener = co_await tcp_listener::listen("localhost", "0");
    const auto where = listener.value().local_address().value();
    auto client = co_await tcp_stream::connect("localhost", std::to_string(where.port()));
    auto server = co_await listener->accept();
    REQUIRE(client.value().peer_address().value() == where);
    REQUIRE(server);
}

CO_TEST_CASE("connecting to where nobody listens is refused", "[channels][tcp_stream]") {
    const nobody there;
    auto refused = co_await tcp_stream::connect(there.address());
    REQUIRE(refused.error() == std::errc::connection_refused);
}

CO_TEST_CASE("a TCP stream needs an address of IPv4 or IPv6", "[channels][tcp_stream]") {
    auto nowhere = co_await tcp_stream::connect(socket_address());
    auto unix_path = co_await tcp_stream::connect(socket_address::unix_path("/x").value());
    REQUIRE(nowhere.error() == std::errc::invalid_argument);
    REQUIRE(unix_path.error() == std::errc::invalid_argument);
}

CO_TEST_CASE("no delay is on, keep-alive and user timeout are as asked", "[channels][tcp_stream]") {
    auto plain = co_await test::tcp_pair();
    auto options = tcp_options().no_delay(false).keep_alive(7s, 3s, 5).user_timeout(1234ms);
    auto asked = co_await test::tcp_pair(options);
    for (tcp_stream* each : {&plain.client, &plain.server}) {
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_NODELAY) == 1);
        REQUIRE(test::option_of(*each, SOL_SOCKET, SO_KEEPALIVE) == 0);
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
    }
    for (tcp_stream* each : {&asked.client, &asked.server}) {
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_NODELAY) == 0);
        REQUIRE(test::option_of(*each, SOL_SOCKET, SO_KEEPALIVE) == 1);
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_KEEPIDLE) == 7);
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_KEEPINTVL) == 3);
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_KEEPCNT) == 5);
        REQUIRE(test::option_of(*each, IPPROTO_TCP, TCP_USER_TIMEOUT) == 1234);
    }
}

CO_TEST_CASE("times that the kernel would not take are refused", "[channels][tcp_stream]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    auto negative = co_await tcp_stream::connect(where, tcp_options().user_timeout(-1ms));
    auto endless = co_await tcp_stream::connect(where, tcp_options().keep_alive(100'000h));
    REQUIRE(negative.error() == std::errc::invalid_argument);
    REQUIRE(endless.error() == std::errc::invalid_argument);
}

CO_TEST_CASE("of several addresses the first that connects is kept", "[channels][tcp_stream]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    const nobody first;
    const nobody second;
    const std::vector<socket_address> addresses{first.address(), second.address(), where};
    auto client = co_await tcp_stream::connect(addresses, tcp_options().attempt_delay(1h));
    auto server = co_await listener.accept();
    REQUIRE(client.value().peer_address().value() == where);
    REQUIRE(server.value().peer_address().value() == client->local_address().value());
}

CO_TEST_CASE("when no address connects the last one's reason is told", "[channels][tcp_stream]") {
    const nobody there;
    const std::vector<socket_address> addresses{socket_address(), there.address()};
    auto refused = co_await tcp_stream::connect(addresses);
    REQUIRE(refused.error() == std::errc::connection_refused);
}

CO_TEST_CASE("a silent address gets its head start and no more", "[channels][tcp_stream]") {
    auto silent = co_await test::deaf_listener::make();
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    const std::vector<socket_address> addresses{silent.address(), where};
    auto pending = scope.spawn(tcp_stream::connect(addresses, tcp_options().attempt_delay(1h)));
    co_await test::settle();
    const bool waits = !pending.is_done();
    pending.request_stop();
    auto stopped = co_await pending;
    auto client = co_await tcp_stream::connect(addresses, tcp_options().attempt_delay(1ms));
    REQUIRE(waits);
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(client.value().peer_address().value() == where);
}

CO_TEST_CASE("connecting ends at its timeout or at the task's deadline, whichever is nearer",
             "[channels][tcp_stream]") {
    auto silent = co_await test::deaf_listener::make();
    const std::vector<socket_address> both{silent.address(), silent.address()};
    const auto quick = tcp_options().connect_timeout(5ms).attempt_delay(1ms);
    const auto slow = tcp_options().connect_timeout(1h).attempt_delay(1ms);
    auto one = co_await tcp_stream::connect(silent.address(), quick);
    auto two = co_await tcp_stream::connect(both, quick);
    auto bounded = co_await within(5ms, tcp_stream::connect(both, slow));
    REQUIRE(one.error() == errc::timed_out);
    REQUIRE(two.error() == errc::timed_out);
    REQUIRE(bounded.error() == errc::timed_out);
}

CO_TEST_CASE("a connect that is destroyed where it waits leaves nothing behind",
             "[channels][tcp_stream][cancel]") {
    auto silent = co_await test::deaf_listener::make();
    const std::vector<socket_address> both{silent.address(), silent.address()};
    {
        task_group group;
        auto pending = group.spawn(tcp_stream::connect(both, tcp_options().attempt_delay(1ms)));
        co_await sleep_for(5ms);
        REQUIRE_FALSE(pending.is_done());
    }
}

CO_TEST_CASE("a detached TCP stream is adopted again", "[channels][tcp_stream]") {
    auto [client, server] = co_await test::tcp_pair();
    auto fd = client.detach();
    const bool still_open = client.is_open();
    auto again = tcp_stream::adopt(std::move(fd.value()));
    std::array<std::byte, 4> buffer{};
    auto sent = co_await server.write_some(bytes_of("x"));
    auto got = co_await again.value().read_some(buffer);
    REQUIRE_FALSE(still_open);
    REQUIRE(sent.value() == 1);
    REQUIRE(got.value() == 1);
}

TEST_CASE("what is no connected TCP socket is not adopted as one", "[channels][tcp_stream]") {
    test::run_on_each_kernel([]() -> task<> {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
        const unique_fd other(pair[1]);
        auto of_unix = tcp_stream::adopt(unique_fd(pair[0]));
        auto null = tcp_stream::adopt(unique_fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
        auto udp = tcp_stream::adopt(unique_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
        auto lone = tcp_stream::adopt(unique_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
        REQUIRE(of_unix.error() == std::errc::invalid_argument);
        REQUIRE(null.error() == std::errc::invalid_argument);
        REQUIRE(udp.error() == std::errc::invalid_argument);
        REQUIRE(lone.error() == std::errc::not_connected);
        co_return;
    });
}

TEST_CASE("addresses of two families are tried in turn", "[channels][tcp_stream]") {
    const auto six = [](std::uint16_t port) { return socket_address::ip("::1", port).value(); };
    const std::vector given{six(1), six(2), six(3), ipv4(1), ipv4(2)};
    REQUIRE(interleaved(given) == std::vector{six(1), ipv4(1), six(2), ipv4(2), six(3)});
    REQUIRE(interleaved({ipv4(1), six(1)}) == std::vector{ipv4(1), six(1)});
    REQUIRE(interleaved({ipv4(1)}) == std::vector{ipv4(1)});
}
