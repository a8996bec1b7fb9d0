// SPDX-License-Identifier: BSL-1.0
//
// What every stream promises is tried on TLS too, in conformance_test.cpp; what a bad peer may do
// is in tls_fault_test.cpp.
#include <conduit/channels/tls_stream.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"
#include "../support/tls_certificates.hpp"
#include "../support/tls_pair.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tls_error.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/within.hpp>

#include <array>
#include <chrono>
#include <fstream>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

const test::tls_world& world() {
    static const test::tls_world made;
    return made;
}

task<result<std::size_t>> read_once(tls_stream& from, std::span<std::byte> buffer) {
    co_return co_await from.read_some(buffer);
}

task<std::string> read_text(tls_stream& from, std::size_t size) {
    std::string text(size, '\0');
    auto got = co_await read_exact(from, std::as_writable_bytes(std::span(text)));
    got.value();
    co_return text;
}

/// Why the server was refused by a client that wants `name`; and that the server is told.
task<std::error_code> refusal_of(test::certificate_wish wish, std::string name) {
    const auto client = world().client();
    const auto server = world().server_with(wish);
    auto ends = co_await test::shake_hands(*client, *server, std::move(name));
    REQUIRE(ends.client.error());
    REQUIRE(ends.server.error());
    REQUIRE_FALSE(ends.client_why.empty());
    REQUIRE_FALSE(ends.server_why.empty());
    co_return ends.client.error();
}

}  // namespace

TEST_CASE("a TLS stream is a stream, and fits in any_stream", "[channels][tls_stream]") {
    STATIC_REQUIRE(byte_stream<tls_stream>);
    STATIC_REQUIRE(lending_source<tls_stream>);
    STATIC_REQUIRE(channel<tls_stream>);
    STATIC_REQUIRE(std::is_constructible_v<any_stream, tls_stream>);
}

CO_TEST_CASE("TLS carries bytes both ways and tells the client who the server is",
             "[channels][tls_stream]") {
    const auto client = world().client();
    const auto server = world().server();
    auto ends = co_await test::shake_hands(*client, *server);
    auto sent = co_await write_all(*ends.client, bytes_of("a question"));
    auto question = co_await read_text(*ends.server, 10);
    auto answered = co_await write_all(*ends.server, bytes_of("an answer"));
    auto answer = co_await read_text(*ends.client, 9);
    const auto shown = ends.client->peer_certificate();
    REQUIRE(sent);
    REQUIRE(question == "a question");
    REQUIRE(answered);
    REQUIRE(answer == "an answer");
    REQUIRE(shown->common_name == "server");
    REQUIRE(shown->subject == "O=conduit tests,CN=server");
    REQUIRE(shown->dns_names == std::vector<std::string>{"localhost"});
    REQUIRE(shown->addresses == std::vector<std::string>{"127.0.0.1"});
    REQUIRE(ends.client->peer_name() == "server");
    REQUIRE_FALSE(ends.server->peer_certificate());
    REQUIRE(ends.server->peer_name().empty());
}

CO_TEST_CASE("with mutual TLS the server knows who the client is", "[channels][tls_stream]") {
    const auto client = world().alice();
    const auto server = world().mutual_server();
    auto ends = co_await test::shake_hands(*client, *server);
    REQUIRE(ends.client);
    REQUIRE(ends.server->peer_name() == "alice");
    REQUIRE(ends.client->peer_name() == "server");
}

CO_TEST_CASE("who has no common name goes by the first of its other names",
             "[channels][tls_stream]") {
    const auto identity =
        test::issue(test::certificate_wish("").uri("spiffe://example/alice").address("2001:db8::1"),
                    world().root());
    const auto client = world().client_with(identity);
    const auto server = world().mutual_server();
    auto ends = co_await test::shake_hands(*client, *server);
    REQUIRE(ends.server->peer_name() == "spiffe://example/alice");
    REQUIRE(ends.server->peer_certificate()->addresses == std::vector<std::string>{"2001:db8::1"});
}

CO_TEST_CASE("a server's name must be in its certificate", "[channels][tls_stream]") {
    const auto client = world().client();
    const auto server = world().server();
    auto other = co_await test::shake_hands(*client, *server, "example.org");
    auto number = co_await test::shake_hands(*client, *server, "127.0.0.1");
    auto other_number = co_await test::shake_hands(*client, *server, "127.0.0.2");
    auto empty = co_await test::shake_hands(*client, *server, "");
    auto only_common = co_await refusal_of(test::certificate_wish("localhost"), "localhost");
    REQUIRE(other.client.error() == tls_errc::certificate_wrong_name);
    REQUIRE(other.client_why ==
            "the certificate of the peer is for another name (not for 'example.org')");
    REQUIRE(other.server.error() == tls_errc::peer_refused_certificate);
    REQUIRE(number.client);
    REQUIRE(other_number.client.error() == tls_errc::certificate_wrong_name);
    REQUIRE(empty.client.error() == std::errc::invalid_argument);
    REQUIRE(empty.client_why == "Invalid argument ('' is no server's name)");
    REQUIRE(only_common == tls_errc::certificate_wrong_name);
}

CO_TEST_CASE("a client may take any name, but not any root", "[channels][tls_stream]") {
    const auto careless =
        test::make_client(tls_options().trust_text(world().root().certificate).any_server_name());
    const auto stranger = test::make_client(
        tls_options().trust_text(test::make_authority("another").certificate).any_server_name());
    const auto server = world().server();
    auto taken = co_await test::shake_hands(*careless, *server, "example.org");
    auto refused = co_await test::shake_hands(*stranger, *server, "localhost");
    REQUIRE(taken.client);
    REQUIRE(refused.client.error() == tls_errc::certificate_untrusted);
    REQUIRE(refused.server.error() == tls_errc::peer_found_untrusted);
}

CO_TEST_CASE("a client's certificate is looked at before anything is said",
             "[channels][tls_stream]") {
    const auto server = world().mutual_server();
    const auto nobody = world().client();
    const auto stranger = world().client_with(
        test::issue(test::certificate_wish("alice"), test::make_authority("another")));
    auto missing = co_await test::shake_hands(*nobody, *server);
    auto untrusted = co_await test::shake_hands(*stranger, *server);
    std::array<std::byte, 8> buffer{};
    auto told = co_await missing.client->read_some(buffer);
    auto told_too = co_await untrusted.client->receive_lent();
    auto told_again = co_await untrusted.client->receive_lent();
    auto late = co_await missing.client->write_some(bytes_of("hello"));
    REQUIRE(missing.server.error() == tls_errc::certificate_missing);
    REQUIRE(missing.server_why.starts_with("the peer showed no certificate"));
    REQUIRE(told.error() == tls_errc::peer_wants_certificate);
    REQUIRE(late.error() == tls_errc::peer_wants_certificate);
    REQUIRE(untrusted.server.error() == tls_errc::certificate_untrusted);
    REQUIRE(told_too.error() == tls_errc::peer_found_untrusted);
    REQUIRE(told_again.error() == tls_errc::peer_found_untrusted);
}

CO_TEST_CASE("new handshakes take a new certificate, and none that is broken",
             "[channels][tls_stream]") {
    const test::temp_dir folder;
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream(folder.path(name), std::ios::trunc) << text;
    };
    const auto put = [&](const std::string& name) {
        const auto made =
            test::issue(test::certificate_wish(name).dns("localhost"), world().root());
        write("pem", made.certificate);
        write("key", made.key);
    };
    put("first");
    const auto server =
        test::make_server(tls_options().certificate(folder.path("pem"), folder.path("key")));
    const auto client = world().client();
    auto before = co_await test::shake_hands(*client, *server);
    put("second");
    auto unread = co_await test::shake_hands(*client, *server);
    const auto reloaded = server->reload();
    auto after = co_await test::shake_hands(*client, *server);
    write("pem", "broken");
    const auto failed = server->reload();
    auto still = co_await test::shake_hands(*client, *server);
    auto sent = co_await write_all(*before.client, bytes_of("goes on"));
    auto text = co_await read_text(*before.server, 7);
    REQUIRE(before.client->peer_name() == "first");
    REQUIRE(unread.client->peer_name() == "first");
    REQUIRE(reloaded);
    REQUIRE(after.client->peer_name() == "second");
    REQUIRE(failed.error() == tls_errc::unusable_files);
    REQUIRE(still.client->peer_name() == "second");
    REQUIRE(sent);
    REQUIRE(text == "goes on");
}

CO_TEST_CASE("a handshake goes through where one byte fits at a time", "[channels][tls_stream]") {
    const auto client = world().alice();
    const auto server = world().mutual_server();
    auto ends = co_await test::shake_hands(*client, *server, "localhost", 1);
    REQUIRE(ends.client);
    REQUIRE(ends.server->peer_name() == "alice");
}

CO_TEST_CASE("what a write has taken goes out although its task is stopped",
             "[channels][tls_stream][cancel]") {
    const auto client = world().client();
    const auto server = world().server();
    auto ends = co_await test::shake_hands(*client, *server, "localhost", 64);
    const std::string text(10'000, 'x');
    auto writing = scope.spawn(ends.client->write_some(bytes_of(text)));
    co_await test::settle();
    const bool done = writing.is_done();
    writing.request_stop();
    auto taken = co_await writing;
    auto got = co_await read_text(*ends.server, text.size());
    REQUIRE_FALSE(done);
    REQUIRE(taken.value() == text.size());
    REQUIRE(got == text);
}

CO_TEST_CASE("the end goes out although the task that said it is stopped",
             "[channels][tls_stream][cancel]") {
    const auto client = world().client();
    const auto server = world().server();
    auto ends = co_await test::shake_hands(*client, *server, "localhost", 1);
    auto closing = scope.spawn(ends.client->close_writing());
    co_await test::settle();
    closing.request_stop();
    auto closed = co_await closing;
    std::array<std::byte, 8> buffer{};
    auto end = co_await ends.server->read_some(buffer);
    REQUIRE(closed.error() == errc::cancelled);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a write that is destroyed in the middle of a record ends all writing",
             "[channels][tls_stream]") {
    const auto client = world().client();
    const auto server = world().server();
    auto ends = co_await test::shake_hands(*client, *server, "localhost", 64);
    const std::string text(10'000, 'x');
    {
        task_group writing;
        writing.spawn(ends.client->write_some(bytes_of(text)));
        co_await test::settle();
    }
    auto late = co_await ends.client->write_some(bytes_of("more"));
    REQUIRE(late.error() == std::errc::io_error);
}

CO_TEST_CASE("a stream that is destroyed ends what waits on it, and says goodbye",
             "[channels][tls_stream][cancel]") {
    const auto client = world().client();
    const auto server = world().server();
    auto ends = co_await test::shake_hands(*client, *server);
    std::array<std::byte, 8> buffer{};
    std::array<std::byte, 8> other{};
    auto reading = scope.spawn(ends.client->read_some(buffer));
    co_await test::settle();
    ends.client = make_error_code(errc::closed);
    auto ended = co_await reading;
    auto end = co_await read_once(*ends.server, other);
    REQUIRE(ended.error() == errc::cancelled);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a handshake that is destroyed leaves nothing behind", "[channels][tls_stream]") {
    const auto client = world().client();
    const auto server = world().server();
    auto [one, other] = make_memory_stream_pair();
    auto [third, fourth] = make_memory_stream_pair();
    {
        task_group both;
        both.spawn(tls_stream::accept(any_stream(std::move(one)), *server));
        both.spawn(tls_stream::connect(any_stream(std::move(third)), *client, "localhost"));
        co_await test::settle();
    }
    std::array<std::byte, 1024> buffer{};
    auto end = co_await other.read_some(buffer);
    auto hello = co_await fourth.read_some(buffer);
    auto end_too = co_await fourth.read_some(buffer);
    REQUIRE(end.value() == 0);
    REQUIRE(hello.value() > 100);
    REQUIRE(end_too.value() == 0);
}

CO_TEST_CASE("a handshake that was not begun leaves nothing behind", "[channels][tls_stream]") {
    const auto server = world().server();
    auto [one, other] = make_memory_stream_pair();
    {
        const auto never = tls_stream::accept(any_stream(std::move(one)), *server);
    }
    std::array<std::byte, 8> buffer{};
    auto end = co_await other.read_some(buffer);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a Unix socket under TLS gives away neither handles nor credentials",
             "[channels][tls_stream]") {
    const auto client = world().client();
    const auto server = world().server();
    auto [one, other] = make_unix_pair().value();
    any_stream client_side(std::move(one));
    any_stream server_side(std::move(other));
    auto ends = co_await test::shake_hands(std::move(client_side), std::move(server_side), *client,
                                           *server);
    any_stream inside(std::move(ends.server.value()));
    auto who = co_await inside.peer_credentials();
    REQUIRE(who.error() == std::errc::not_supported);
    REQUIRE_FALSE(inside.inside().carries_handles());
}
