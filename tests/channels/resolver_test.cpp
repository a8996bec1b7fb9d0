// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/resolver.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/net_namespace.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/udp_datagram.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/blocking.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <utility>

using namespace conduit;

namespace {

/// The first server of names that this machine asks, if it has an IPv4 address.
std::optional<socket_address> server_of_names() {
    std::ifstream configured("/etc/resolv.conf");
    std::string word;
    while (configured >> word) {
        if (word != "nameserver" || !(configured >> word)) continue;
        auto found = socket_address::ip(word, 53);
        if (found && found->get_family() == socket_address::family::ipv4) return *found;
        break;
    }
    test::skip("/etc/resolv.conf names no server with an IPv4 address");
    return std::nullopt;
}

/// In a network of its own this process can be the server of names.
std::optional<udp_datagram> become(const socket_address& server, test::net_namespace& net) {
    if (!server.is_loopback()) net.add_address(server.host());
    return udp_datagram::bind(server, udp_options().beyond_loopback()).value();
}

/// Turns a question (RFC 1035 §4.1) into the answer that there is no such name.
void deny(std::span<std::byte> message) {
    message[2] |= std::byte{0x80};                               // a response
    message[3] = (message[3] & std::byte{0x70}) | std::byte{3};  // NXDOMAIN
}

task<> deny_one(udp_datagram& server, std::span<std::byte> question, socket_address asked_by) {
    deny(question);
    auto sent = co_await server.send_to(question, asked_by);
    REQUIRE(sent);
}

/// Denies everything that is asked.
task<> deny_all(udp_datagram& server) {
    std::array<std::byte, 512> buffer{};
    while (auto got = co_await server.receive_from(buffer)) {
        co_await deny_one(server, std::span(buffer).first(got->bytes), got->from);
    }
}

}  // namespace

CO_TEST_CASE("numbers are taken as they are, on every kernel", "[channels][resolver]") {
    auto four = co_await resolve("192.0.2.1", "80");
    auto six = co_await resolve("2001:db8::7", "0", transport::udp);
    REQUIRE(four.value() == std::vector{socket_address::ipv4({192, 0, 2, 1}, 80)});
    REQUIRE(six.value() == std::vector{socket_address::ip("2001:db8::7", 0).value()});
}

CO_TEST_CASE("localhost is found and is a loopback address", "[channels][resolver][threads]") {
    auto found = co_await resolve("localhost", "7111");
    const auto all = found.value();
    REQUIRE_FALSE(all.empty());
    REQUIRE(std::all_of(all.begin(), all.end(), [](const socket_address& each) {
        return each.is_loopback() && each.port() == 7111;
    }));
}

CO_TEST_CASE("a service may have a name", "[channels][resolver]") {
    auto found = co_await resolve("127.0.0.1", "domain", transport::udp);
    if (found.error() == resolve_errc::service_not_found) {
        test::skip("this machine has no /etc/services");
        co_return;
    }
    const auto all = found.value();
    REQUIRE(all == std::vector{socket_address::ipv4_loopback(53)});
}

CO_TEST_CASE("a service that has no port is told from a host", "[channels][resolver]") {
    auto found = co_await resolve("localhost", "no-such-service");
    if (found.error() == std::errc::not_supported) found.value();
    REQUIRE(found.error() == resolve_errc::service_not_found);
    REQUIRE(found.error().message() == "service not found");
}

CO_TEST_CASE("a port beyond 65535 belongs to no service", "[channels][resolver]") {
    auto found = co_await resolve("127.0.0.1", "65536");
    REQUIRE(found.error() == resolve_errc::service_not_found);
}

CO_TEST_CASE("a zero byte is not passed on as the end of a name", "[channels][resolver]") {
    std::string host("localhost\0.example", 18);
    std::string service("80\0x", 4);
    auto no_host = co_await resolve(host, "80");
    auto no_service = co_await resolve("127.0.0.1", service);
    REQUIRE(no_host.error() == std::errc::invalid_argument);
    REQUIRE(no_service.error() == std::errc::invalid_argument);
}

TEST_CASE("a simulation has no names", "[channels][resolver][sim]") {
    scheduler sched(scheduler_options().backend(backend_kind::sim));
    const auto found = sched.run(resolve("localhost", "80"));
    REQUIRE(found.error() == std::errc::not_supported);
}

TEST_CASE("a look-up that has to wait for a thread is cancelled at once",
          "[channels][resolver][threads]") {
    for (const backend_kind kind : test::kernel_backends()) {
        scheduler sched(scheduler_options().backend(kind).blocking_threads_max(1));
        sched.run([]() -> task<> {
            std::promise<void> release;
            auto occupy = [until = release.get_future().share()] { until.wait(); };
            task_scope scope;
            auto occupied = scope.spawn(as_task(blocking(std::move(occupy))));
            auto looking = scope.spawn(resolve("localhost", "80"));
            co_await test::settle();
            const bool waits = !looking.is_done();
            looking.request_stop();
            auto found = co_await looking;
            release.set_value();
            auto done = co_await occupied;
            co_await scope.join();
            REQUIRE(waits);
            REQUIRE(found.error() == errc::cancelled);
            REQUIRE(done);
        }());
        test::ran();
    }
}

TEST_CASE("without a network a name that is no local one is not found, or not yet",
          "[channels][resolver][fault]") {
    test::run_in_net_namespace([](test::net_namespace&) -> task<> {
        auto found = co_await resolve("name.invalid", "80");
        const bool as_expected = found.error() == resolve_errc::try_again ||
                                 found.error() == resolve_errc::host_not_found;
        INFO(found.error().message());
        REQUIRE(as_expected);
    });
}

TEST_CASE("what a server of names denies is not found", "[channels][resolver]") {
    test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
        const auto where = server_of_names();
        if (!where) co_return;
        auto server = become(*where, net);
        task_scope scope;
        auto denying = scope.spawn(deny_all(*server));
        auto found = co_await resolve("name.invalid", "80");
        denying.request_stop();
        co_await scope.join();
        REQUIRE(found.error() == resolve_errc::host_not_found);
    });
}

TEST_CASE("a look-up that a thread has begun is abandoned when it is cancelled",
          "[channels][resolver][cancel][threads]") {
    const auto body = [](test::net_namespace& net) -> task<> {
        const auto where = server_of_names();
        if (!where) co_return;
        auto server = become(*where, net);
        task_scope scope;
        auto looking = scope.spawn(resolve("name.invalid", "80"));
        std::array<std::byte, 512> buffer{};
        auto asked = co_await server->receive_from(buffer);  // and it gets no answer yet
        const bool waits = !looking.is_done();
        looking.request_stop();
        auto found = co_await looking;
        const auto question = std::span(buffer).first(asked.value().bytes);
        co_await deny_one(*server, question, asked->from);
        auto denying = scope.spawn(deny_all(*server));
        auto nothing = [] {};
        auto thread_is_free = co_await blocking(nothing);
        denying.request_stop();
        co_await scope.join();
        REQUIRE(waits);
        REQUIRE(found.error() == errc::cancelled);
        REQUIRE(thread_is_free);
    };
    test::run_in_net_namespace(body, scheduler_options().blocking_threads_max(1));
}

CO_TEST_CASE("a number that is no port is no service either", "[channels][resolver]") {
    for (const char* const service : {"-80", "+65616", " 80", "\t80", "-"}) {
        auto found = co_await resolve("127.0.0.1", service);
        REQUIRE(found.error() == resolve_errc::service_not_found);
    }
}
