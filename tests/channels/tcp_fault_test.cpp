// SPDX-License-Identifier: BSL-1.0
//
// What networks do to TCP, and what is made of it.

#include "../support/co_test.hpp"
#include "../support/net_namespace.hpp"
#include "../support/rlimit.hpp"
#include "../support/settle.hpp"
#include "../support/tcp_pair.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

std::vector<std::byte> numbered(std::size_t bytes) {
    std::vector<std::byte> made(bytes);
    for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<std::byte>(i * 7 / 5);
    return made;
}

struct progress_made {
    std::size_t sent = 0;
    std::size_t received = 0;
    std::size_t most_under_way = 0;
};

task<> send_all(tcp_stream& to, std::span<const std::byte> bytes, progress_made& made) {
    while (!bytes.empty()) {
        auto taken = co_await to.write_some(bytes);
        bytes = bytes.subspan(taken.value());
        made.sent += *taken;
        made.most_under_way = std::max(made.most_under_way, made.sent - made.received);
    }
    auto closed = co_await to.close_writing();
    REQUIRE(closed);
}

task<std::vector<std::byte>> receive_all(tcp_stream& from, progress_made& made) {
    std::vector<std::byte> all;
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        auto got = co_await from.read_some(buffer);
        if (got.value() == 0) co_return all;
        made.received += *got;
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

/// Sends so many bytes over a link that is already bad; they all arrive, and only so many are
/// under way at a time.
task<> transfer(std::size_t bytes, int buffer_bytes, std::size_t under_way_max) {
    auto [client, server] = co_await test::tcp_pair();
    kernel& here = current_kernel();
    here.set_option(client.handle().owned(), socket_option::send_buffer_bytes, buffer_bytes)
        .value();
    here.set_option(server.handle().owned(), socket_option::receive_buffer_bytes, buffer_bytes)
        .value();
    const auto wanted = numbered(bytes);
    progress_made made;
    task_scope scope;
    auto sending = scope.spawn(send_all(client, wanted, made));
    auto received = co_await receive_all(server, made);
    co_await scope.join();
    REQUIRE(received == wanted);
    REQUIRE(made.most_under_way <= under_way_max);
}

/// Drips bytes into a header that never gets complete.
task<> drip(tcp_stream& into) {
    for (;;) {
        auto sent = co_await into.write_some(bytes_of("x"));
        if (!sent) co_return;
        const std::error_code ended = co_await sleep_for(1ms);
        if (ended) co_return;
    }
}

}  // namespace

CO_TEST_CASE("T1: what came before a reset is read, and then the reset",
             "[channels][tcp_stream][fault][T1]") {
    auto [client, server] = co_await test::tcp_pair();
    std::array<std::byte, 16> buffer{};
    auto sent = co_await server.write_some(bytes_of("last"));
    auto arrived = co_await client.handle().readable();
    test::reset(std::move(server));
    auto got = co_await client.read_some(buffer);
    auto reset = co_await client.read_some(buffer);
    auto after = co_await client.write_some(bytes_of("x"));
    REQUIRE(sent.value() == 4);
    REQUIRE(arrived);
    REQUIRE(got.value() == 4);
    REQUIRE(reset.error() == std::errc::connection_reset);
    REQUIRE(after.error() == std::errc::broken_pipe);
}

CO_TEST_CASE("T1: a reset ends a read and a write that wait", "[channels][tcp_stream][fault][T1]") {
    auto [client, server] = co_await test::tcp_pair();
    std::array<std::byte, 16> buffer{};
    auto filled = co_await test::fill(client.handle());
    auto reading = scope.spawn(as_task(client.read_some(buffer)));
    auto writing = scope.spawn(as_task(client.write_some(bytes_of("x"))));
    co_await test::settle();
    const bool both_wait = !reading.is_done() && !writing.is_done();
    test::reset(std::move(server));
    auto read = co_await reading;
    auto wrote = co_await writing;
    REQUIRE(filled > 0);
    REQUIRE(both_wait);
    const bool named =
        read.error() == std::errc::connection_reset || wrote.error() == std::errc::connection_reset;
    REQUIRE(named);  // the kernel tells the one of them, and then the other that there is nothing
    REQUIRE((!read || *read == 0));
    REQUIRE_FALSE(wrote);
}

CO_TEST_CASE("T1: a client that is dead when it is accepted does not end the loop",
             "[channels][tcp_listener][fault][T1]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = listener.local_address().value();
    std::array<std::byte, 16> buffer{};
    auto dead = co_await tcp_stream::connect(where);
    test::reset(std::move(dead.value()));
    auto alive = co_await tcp_stream::connect(where);
    auto sent = co_await alive.value().write_some(bytes_of("hello"));
    auto first = co_await listener.accept();
    auto reset = co_await first.value().read_some(buffer);
    auto second = co_await listener.accept();
    auto got = co_await second.value().read_some(buffer);
    REQUIRE(sent);
    REQUIRE(reset.error() == std::errc::connection_reset);
    REQUIRE(got.value() == 5);
}

CO_TEST_CASE("T2: a listener that does not answer is left at the connect timeout",
             "[channels][tcp_stream][fault][T2]") {
    auto silent = co_await test::deaf_listener::make();
    auto options = tcp_options().connect_timeout(10ms);
    auto connected = co_await tcp_stream::connect(silent.address(), options);
    REQUIRE(connected.error() == errc::timed_out);
}

TEST_CASE("T2: connecting into a black hole ends at the connect timeout",
          "[channels][tcp_stream][fault][T2]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        auto listener = tcp_listener::listen(0).value();
        const auto where = listener.local_address().value();
        net.break_link();
        auto options = tcp_options().connect_timeout(10ms);
        auto connected = co_await tcp_stream::connect(where, options);
        REQUIRE(connected.error() == errc::timed_out);
        net.mend_link();
        auto again = co_await tcp_stream::connect(where);
        REQUIRE(again);
    });
}

TEST_CASE("T2: what a black hole swallows is missed at the user timeout",
          "[channels][tcp_stream][fault][T2]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        auto [client, server] = co_await test::tcp_pair(tcp_options().user_timeout(100ms));
        std::array<std::byte, 16> buffer{};
        task_scope scope;
        auto other = scope.spawn(as_task(server.read_some(buffer)));
        net.break_link();
        auto sent = co_await client.write_some(bytes_of("lost"));
        std::array<std::byte, 16> reply{};
        auto lost = co_await client.read_some(reply);
        const bool other_waits = !other.is_done();
        other.request_stop();
        auto stopped = co_await other;
        co_await scope.join();
        REQUIRE(sent.value() == 4);
        REQUIRE(lost.error() == std::errc::timed_out);
        REQUIRE(lost.error().category() == std::system_category());  // not the task's deadline
        REQUIRE(other_waits);                                        // the other side sees nothing
        REQUIRE(stopped.error() == errc::cancelled);
    });
}

TEST_CASE("T3: all bytes arrive over a link that loses packets",
          "[channels][tcp_stream][fault][T3]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        if (!net.shape_link("80mbit", 6000)) co_return;
        co_await transfer(256 * 1024, 64 * 1024, 512 * 1024);
        REQUIRE(net.retransmitted() > 0);
    });
}

TEST_CASE("T4: over a slow link no more bytes are under way than the buffers hold",
          "[channels][tcp_stream][fault][T4]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        if (!net.shape_link("8mbit", 1 << 20)) co_return;
        co_await transfer(256 * 1024, 16 * 1024, 160 * 1024);
    });
}

CO_TEST_CASE("T5: a peer that drips bytes into a header is left at the deadline",
             "[channels][tcp_stream][fault][T5]") {
    auto [client, server] = co_await test::tcp_pair();
    std::vector<std::byte> header(1 << 20);
    auto dripping = scope.spawn(drip(client));
    auto complete = co_await within(20ms, read_exact(server, std::span<std::byte>(header)));
    const bool still_drips = !dripping.is_done();
    server.close();
    co_await dripping;
    REQUIRE(complete.error() == errc::timed_out);
    REQUIRE(header[0] == std::byte{'x'});  // it made progress, and that did not help it
    REQUIRE(still_drips);
}

TEST_CASE("T6: a peer whose host has vanished is missed by keep-alive",
          "[channels][tcp_stream][fault][T6]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        auto [client, server] = co_await test::tcp_pair(tcp_options().keep_alive(1s, 1s, 1));
        net.break_link();
        server.close();  // nobody hears of it
        std::array<std::byte, 16> buffer{};
        auto pending = as_task(client.read_some(buffer));
        auto lost = co_await std::move(pending);
        REQUIRE(lost.error() == std::errc::timed_out);
        REQUIRE(lost.error().category() == std::system_category());
    });
}

TEST_CASE("T6: a host that has forgotten the connection answers with a reset",
          "[channels][tcp_stream][fault][T6]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        auto [client, server] = co_await test::tcp_pair();
        net.break_link();
        test::reset(std::move(server));  // its host has no such connection any more
        net.mend_link();
        std::array<std::byte, 16> buffer{};
        auto sent = co_await client.write_some(bytes_of("still there?"));
        auto got = co_await client.read_some(buffer);
        REQUIRE(sent);
        REQUIRE(got.error() == std::errc::connection_reset);
    });
}

TEST_CASE("T8: a host out of ports says so by an error of its own",
          "[channels][tcp_stream][fault][T8]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        auto listener = tcp_listener::listen(0).value();
        const auto where = listener.local_address().value();
        net.set_client_ports(20'000, 20'001);
        auto first = co_await tcp_stream::connect(where);
        auto second = co_await tcp_stream::connect(where);
        auto third = co_await tcp_stream::connect(where);
        test::reset(std::move(second.value()));
        auto fourth = co_await tcp_stream::connect(where);
        REQUIRE(first);
        REQUIRE(third.error() == std::errc::address_not_available);
        REQUIRE(fourth);
    });
}

TEST_CASE("a connect that would meet itself is refused", "[channels][tcp_stream][fault]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        net.set_client_ports(20'000, 20'000);  // so the client is given the port it asks for
        auto met = co_await tcp_stream::connect(socket_address::ipv4_loopback(20'000));
        REQUIRE(met.error() == std::errc::connection_refused);
    });
}

TEST_CASE("a listener out of descriptors waits, and then goes on",
          "[channels][tcp_listener][fault]") {
    test::run_on_each_kernel([]() -> task<> {
        auto listener = tcp_listener::listen(0).value();
        const auto where = listener.local_address().value();
        auto client = co_await tcp_stream::connect(where);
        task_scope scope;
        auto accepting = scope.spawn([](tcp_listener& from) -> task<result<tcp_stream>> {
            co_return co_await from.accept();
        }(listener));
        {
            const test::no_more_descriptors none;
            while (listener.counters().backed_off == 0) co_await test::settle();
        }
        auto server = co_await accepting;
        co_await scope.join();
        REQUIRE(client);
        REQUIRE(server);
        REQUIRE(listener.counters().accepted == 1);
    });
}
