// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tcp_listener.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <utility>

using namespace conduit;

namespace {

socket_address any_port(const char* host) { return socket_address::ip(host, 0).value(); }

tcp_listen_options everywhere() { return tcp_listen_options().beyond_loopback(); }

/// Not every machine has IPv6.
bool has_ipv6() {
    auto listener = tcp_listener::listen(any_port("::1"));
    if (listener) return true;
    if (listener.error() == std::errc::not_supported) std::ignore = listener.value();
    test::skip("IPv6: " + listener.error().message());
    return false;
}

/// Sends each client the name of the worker that it got.
task<> greet_all(tcp_listener listener, std::string name) {
    tcp_listener own = std::move(listener);
    while (auto client = co_await own.accept()) {
        auto sent = co_await write_all(*client, bytes_of(name));
        sent.value();  // no assertion here: those of Catch2 belong to one thread
    }
}

/// Listens from when it returns; its greeter stays behind as a guest of its worker.
task<std::uint16_t> start_greeter(std::uint16_t port, std::string name) {
    auto listener = tcp_listener::listen(port, tcp_listen_options().reuse_port()).value();
    const std::uint16_t chosen = listener.local_address().value().port();
    scheduler::current().guests().spawn(greet_all(std::move(listener), std::move(name)));
    co_return chosen;
}

/// The names of the workers that so many clients got.
task<std::string> names_of_greeters(std::uint16_t port, int clients) {
    std::string names;
    for (int i = 0; i < clients; ++i) {
        auto client = co_await tcp_stream::connect(socket_address::ipv4_loopback(port));
        std::array<char, 1> name{};
        const auto into = std::as_writable_bytes(std::span(name));
        auto got = co_await read_exact(client.value(), into);
        got.value();
        names += name[0];
    }
    co_return names;
}

task<> share_a_port(runtime& workers) {
    const std::uint16_t port = co_await start_greeter(0, "0");
    auto same = co_await on(workers.worker(1), start_greeter(port, "1"));
    auto not_shared = tcp_listener::listen(port);
    const std::string names = co_await names_of_greeters(port, 64);
    REQUIRE(same == port);
    REQUIRE(not_shared.error() == std::errc::address_in_use);
    REQUIRE(names.find('0') != std::string::npos);  // the kernel deals by a hash: all 64 to one
    REQUIRE(names.find('1') != std::string::npos);  // would be a chance of 2^-63
}

}  // namespace

CO_TEST_CASE("a listener without a port has one that can be read", "[channels][tcp_listener]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    REQUIRE(where.port() != 0);
    REQUIRE(where.is_loopback());
    REQUIRE(tcp_listener::listen(where.port()).error() == std::errc::address_in_use);
    co_return;
}

CO_TEST_CASE("a listener leaves this host only when told so", "[channels][tcp_listener]") {
    REQUIRE(tcp_listener::listen(any_port("0.0.0.0")).error() ==
            std::errc::operation_not_permitted);
    REQUIRE(tcp_listener::listen(any_port("::")).error() == std::errc::operation_not_permitted);
    REQUIRE(tcp_listener::listen(socket_address()).error() == std::errc::invalid_argument);
    auto named = co_await tcp_listener::listen("0.0.0.0", "0");
    REQUIRE(named.error() == std::errc::operation_not_permitted);
    auto told = tcp_listener::listen(any_port("0.0.0.0"), everywhere()).value();
    REQUIRE(told.is_open());
}

CO_TEST_CASE("a listener on [::] takes both families unless told otherwise",
             "[channels][tcp_listener]") {
    if (!has_ipv6()) co_return;
    auto both = tcp_listener::listen(any_port("::"), everywhere()).value();
    auto six = tcp_listener::listen(any_port("::"), everywhere().v6_only()).value();
    const auto both_port = both.local_address().value().port();
    const auto six_port = six.local_address().value().port();
    auto client = co_await tcp_stream::connect(socket_address::ipv4_loopback(both_port));
    auto server = co_await both.accept();
    auto refused = co_await tcp_stream::connect(socket_address::ipv4_loopback(six_port));
    REQUIRE(client);
    REQUIRE(server.value().peer_address().value().host() == "::ffff:127.0.0.1");
    REQUIRE(server->peer_address().value().is_loopback());
    REQUIRE(refused.error() == std::errc::connection_refused);
}

CO_TEST_CASE("a cancelled accept loses no connection", "[channels][tcp_listener][cancel]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    auto pending = scope.spawn(listener.accept());
    co_await test::settle();
    const bool waits = !pending.is_done();
    pending.request_stop();
    auto cancelled = co_await pending;
    auto client = co_await tcp_stream::connect(where);
    auto server = co_await listener.accept();
    REQUIRE(waits);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(client.value().local_address().value() == server.value().peer_address().value());
    REQUIRE(listener.counters().accepted == 1);
}

CO_TEST_CASE("a listener closed under an accept ends it", "[channels][tcp_listener]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    auto pending = scope.spawn(listener.accept());
    co_await test::settle();
    auto closed = co_await listener.handle().close_and_wait();
    auto ended = co_await pending;
    auto refused = co_await tcp_stream::connect(where);
    REQUIRE(closed);
    REQUIRE(ended.error() == errc::cancelled);
    REQUIRE(refused.error() == std::errc::connection_refused);
}

CO_TEST_CASE("a detached listener is adopted again", "[channels][tcp_listener]") {
    auto listener = tcp_listener::listen(0).value();
    auto fd = listener.detach();
    auto again = tcp_listener::adopt(std::move(fd.value()));
    const auto where = again.value().local_address().value();
    auto client = co_await tcp_stream::connect(where);
    auto server = co_await again->accept();
    REQUIRE(client);
    REQUIRE(server);
}

TEST_CASE("workers that say so share a port, and each gets connections",
          "[channels][tcp_listener][threads]") {
    for (const backend_kind kind : test::kernel_backends()) {
        const int descriptors_before = test::open_descriptors();
        {
            runtime workers(2, scheduler_options().backend(kind));
            workers.run(share_a_port(workers));
        }
        REQUIRE(test::open_descriptors() == descriptors_before);
        test::ran();
    }
}
