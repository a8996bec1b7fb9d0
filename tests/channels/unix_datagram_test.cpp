// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_datagram.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_error.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/within.hpp>

#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

CO_TEST_CASE("a datagram arrives whole and can be answered", "[channels][unix_datagram]") {
    const test::temp_dir folder;
    auto server = unix_datagram::bind(folder.path("server")).value();
    auto client = unix_datagram::bind(folder.path("client")).value();
    std::array<std::byte, 16> buffer{};
    auto asked = co_await client.send_to(folder.path("server"), bytes_of("ask"));
    const std::span<const std::byte> no_bytes;
    auto empty = co_await client.send_to(folder.path("server"), no_bytes);
    auto question = co_await server.receive(buffer);
    const std::string text = text_of(std::span(buffer).first(question.value().bytes));
    auto nothing = co_await server.receive(buffer);
    auto answered = co_await server.send_to(question->from, bytes_of("answer"));
    auto answer = co_await client.receive(buffer);
    REQUIRE(asked.value() == 3);
    REQUIRE(empty.value() == 0);
    REQUIRE(text == "ask");
    REQUIRE(question->from == client.path());
    REQUIRE_FALSE(question->truncated);
    REQUIRE(nothing->bytes == 0);
    REQUIRE(answered);
    REQUIRE(answer->bytes == 6);
    REQUIRE(answer->from == server.path());
}

CO_TEST_CASE("a connected datagram socket sends to one, and hears when it is gone",
             "[channels][unix_datagram]") {
    const test::temp_dir folder;
    auto server = unix_datagram::bind(folder.path("server")).value();
    auto client = unix_datagram::make().value();
    auto connected = co_await client.connect(folder.path("server"));
    outgoing_message message(bytes_of("hello"));
    auto sent = co_await client.send(message);
    std::array<std::byte, 16> buffer{};
    auto got = co_await server.receive(buffer);
    server.close();
    auto refused = co_await client.send(message);
    auto nowhere = co_await client.send_to(folder.path("server"), bytes_of("x"));
    auto unconnected = unix_datagram::make().value();
    auto to_nobody = co_await unconnected.send(message);
    REQUIRE(connected);
    REQUIRE(sent);
    REQUIRE(got.value().from.empty());
    REQUIRE(refused.error() == std::errc::connection_refused);
    REQUIRE(nowhere.error() == std::errc::no_such_file_or_directory);
    REQUIRE(to_nobody.error() == std::errc::not_connected);
}

CO_TEST_CASE("a datagram that does not fit says so", "[channels][unix_datagram]") {
    const test::temp_dir folder;
    auto server = unix_datagram::bind(folder.path("server")).value();
    auto client = unix_datagram::make().value();
    std::array<std::byte, 4> small{};
    auto sent = co_await client.send_to(folder.path("server"), bytes_of("too long"));
    auto next = co_await client.send_to(folder.path("server"), bytes_of("next"));
    auto cut = co_await server.receive(small);
    auto whole = co_await server.receive(small);
    const std::vector<std::byte> huge(1U << 20U);
    auto refused = co_await client.send_to(folder.path("server"), huge);
    REQUIRE(sent);
    REQUIRE(next);
    REQUIRE(cut.value().bytes == 4);
    REQUIRE(cut->truncated);
    REQUIRE(whole.value().bytes == 4);
    REQUIRE_FALSE(whole->truncated);
    REQUIRE(refused.error() == std::errc::message_size);
}

CO_TEST_CASE("who sends to a full receiver waits, and can be stopped",
             "[channels][unix_datagram][cancel]") {
    const test::temp_dir folder;
    auto server = unix_datagram::bind(folder.path("server")).value();
    auto client = unix_datagram::make().value();
    std::size_t sent = 0;
    for (;;) {
        auto one = co_await within(5ms, client.send_to(folder.path("server"), bytes_of("x")));
        if (!one) {
            REQUIRE(one.error() == errc::timed_out);
            break;
        }
        ++sent;
    }
    auto waiting = scope.spawn(client.send_to(folder.path("server"), bytes_of("last")));
    co_await test::settle();
    const bool early = waiting.is_done();
    std::array<std::byte, 8> buffer{};
    for (std::size_t i = 0; i < sent; ++i) {
        auto got = co_await server.receive(buffer);
        REQUIRE(got.value().bytes == 1);
    }
    auto at_last = co_await waiting;
    auto last = co_await server.receive(buffer);
    REQUIRE(sent > 0);
    REQUIRE_FALSE(early);
    REQUIRE(at_last.value() == 4);
    REQUIRE(last.value().bytes == 4);
}

CO_TEST_CASE("a datagram socket's path is its own while it lives", "[channels][unix_datagram]") {
    const test::temp_dir folder;
    auto first = unix_datagram::bind(folder.path("s")).value();
    auto refused = unix_datagram::bind(folder.path("s"));
    auto left = first.detach();  // its file stays, as after a crash
    left->reset();
    auto second = unix_datagram::bind(folder.path("s"));
    second.value().close();
    auto gone = current_kernel().status_of(folder.path("s"));
    REQUIRE(refused.error() == std::errc::address_in_use);
    REQUIRE(gone.error() == std::errc::no_such_file_or_directory);
    co_return;
}

TEST_CASE("a datagram brings handles and its sender along", "[channels][unix_datagram]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const auto options = unix_datagram_options().credentials_with_each();
        auto server = unix_datagram::bind(folder.path("server"), options).value();
        auto client = unix_datagram::make().value();
        auto connected = co_await client.connect(folder.path("server"));
        auto pipe = current_kernel().make_pipe().value();
        auto socket = current_kernel().make_socket(socket_family::unix_domain, socket_kind::stream);
        outgoing_message message(bytes_of("take"));
        auto attached = message.attach(pipe.first);
        auto sent = co_await client.send(message);
        outgoing_message hostile(bytes_of("this"));
        auto also = hostile.attach(*socket);
        auto sent_too = co_await client.send(hostile);
        std::array<std::byte, 8> buffer{};
        auto came = co_await server.receive(buffer);
        auto refused = co_await server.receive(buffer);
        REQUIRE(connected);
        REQUIRE(attached);
        REQUIRE(sent);
        REQUIRE(also);
        REQUIRE(sent_too);
        REQUIRE(came.value().handles.at(0).type() == handle_type::pipe);
        REQUIRE(came->sender.value().pid == ::getpid());
        REQUIRE(refused.error() == unix_errc::handle_refused);
        REQUIRE(server.is_open());
    });
}

TEST_CASE("a receiver sees a path in the working folder as it was given",
          "[channels][unix_datagram]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::filesystem::path before = std::filesystem::current_path();
        std::filesystem::current_path(folder.path());
        std::string from;
        {
            auto server = unix_datagram::bind("server");
            auto client = unix_datagram::bind("client");
            std::array<std::byte, 4> buffer{};
            auto sent = co_await client->send_to("server", bytes_of("x"));
            auto got = co_await server->receive(buffer);
            if (sent && got) from = got->from;
        }
        std::filesystem::current_path(before);
        REQUIRE(from == "client");
    });
}
