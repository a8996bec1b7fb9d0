// SPDX-License-Identifier: BSL-1.0
//
// What a bad peer, or a bad network, may do to TLS.

#include "../support/chaos_proxy.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/tls_certificates.hpp"
#include "../support/tls_pair.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tls_error.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

const test::tls_world& world() {
    static const test::tls_world made;
    return made;
}

/// A server's end of a memory stream on its way into TLS, and the other end as it is.
class bare_client {
public:
    explicit bare_client(std::size_t room = 65'536) : bare_client(make_memory_stream_pair(room)) {}

    /// How accepting ended.
    task<std::error_code> accept() {
        auto accepted = co_await tls_stream::accept(std::move(inside_), *server_, &why);
        co_return accepted.error();
    }

    memory_stream outside;
    std::string why;

private:
    explicit bare_client(memory_stream_ends ends)
        : outside(std::move(ends.first)), inside_(std::move(ends.second)) {}

    any_stream inside_;
    test::shared_context server_ = world().server();
};

constexpr std::string_view unexpected_message("\x15\x03\x03\x00\x02\x02\x0a", 7);

/// A server that has shaken hands with a raw client, and reads.
class hostile_pair {
public:
    explicit hostile_pair(std::size_t room = 65'536)
        : hostile_pair(make_memory_stream_pair(room)) {}

    task<> begin(task_scope& scope) {
        auto accepting = scope.spawn(tls_stream::accept(std::move(inside_), *server_));
        const bool done = co_await raw.shake_hands();
        auto accepted = co_await accepting;
        REQUIRE(done);
        stream.emplace(std::move(accepted.value()));
    }
    task<result<std::size_t>> read() {
        std::array<std::byte, 1024> buffer{};
        co_return co_await stream->read_some(buffer);
    }

    test::raw_tls raw;
    std::optional<tls_stream> stream;

private:
    explicit hostile_pair(memory_stream_ends ends)
        : raw(any_stream(std::move(ends.first)), test::raw_tls::version::tls_1_3),
          inside_(std::move(ends.second)) {}

    any_stream inside_;
    test::shared_context server_ = world().server();
};

/// How reading ends, with all that was read before.
task<std::error_code> read_until_it_fails(tls_stream& from, std::string& all) {
    std::array<std::byte, 700> buffer{};
    for (;;) {
        auto got = co_await from.read_some(buffer);
        if (!got) co_return got.error();
        if (*got == 0) co_return std::error_code();
        for (std::size_t i = 0; i < *got; ++i) all += static_cast<char>(buffer[i]);
    }
}

}  // namespace

CO_TEST_CASE("T7: a client refuses a server's bad certificate, and says why",
             "[channels][tls_stream][fault]") {
    struct bad {
        test::certificate_wish wish;
        tls_errc found;
        std::string_view alert;
    };
    const std::vector<bad> all = {
        {test::certificate_wish("server").dns("localhost").expired(), tls_errc::certificate_expired,
         "certificate expired"},
        {test::certificate_wish("server").dns("localhost").not_yet_valid(),
         tls_errc::certificate_not_yet_valid, "bad certificate"},
        {test::certificate_wish("server").dns("example.org"), tls_errc::certificate_wrong_name,
         "bad certificate"},
    };
    const auto client = world().client();
    for (const bad& each : all) {
        auto [one, other] = make_memory_stream_pair();
        auto connecting =
            scope.spawn(tls_stream::connect(any_stream(std::move(one)), *client, "localhost"));
        const auto identity = test::issue(each.wish, world().root());
        test::raw_tls server(any_stream(std::move(other)), test::raw_tls::side::server, identity);
        const bool done = co_await server.shake_hands();
        auto refused = co_await connecting;
        auto alert = co_await server.alert();
        REQUIRE_FALSE(done);
        REQUIRE(refused.error() == each.found);
        REQUIRE(alert == each.alert);
    }
}

CO_TEST_CASE("T7: a server refuses a client's bad certificate, and says why",
             "[channels][tls_stream][fault]") {
    const auto server = world().mutual_server();
    for (const bool is_expired : {true, false}) {
        auto [one, other] = make_memory_stream_pair();
        auto accepting = scope.spawn(tls_stream::accept(any_stream(std::move(one)), *server));
        test::certificate_wish wish("alice");
        const auto identity =
            test::issue(is_expired ? wish.expired() : wish.not_yet_valid(), world().root());
        test::raw_tls client(any_stream(std::move(other)), test::raw_tls::side::client, identity);
        const bool done = co_await client.shake_hands();
        auto alert = co_await client.alert();
        client.transport().close();
        auto refused = co_await accepting;
        REQUIRE(done);  // as a client sees it, until it reads
        REQUIRE(refused.error() ==
                (is_expired ? tls_errc::certificate_expired : tls_errc::certificate_not_yet_valid));
        REQUIRE(alert == (is_expired ? "certificate expired" : "bad certificate"));
    }
}

CO_TEST_CASE("T7: a handshake that stalls ends at its deadline", "[channels][tls_stream][fault]") {
    bare_client silent;
    bare_client slow;
    auto begun = co_await slow.outside.write_some(bytes_of("\x16\x03\x01\x02"));
    const auto from = clock::now();
    auto ended = co_await within(5ms, silent.accept());
    auto ended_too = co_await within(5ms, slow.accept());
    const auto took = clock::now() - from;
    REQUIRE(begun);
    REQUIRE(ended == errc::timed_out);
    REQUIRE(ended_too == errc::timed_out);
    REQUIRE(took >= 10ms);
}

CO_TEST_CASE("T7: a client of TLS 1.2 is refused, and told so", "[channels][tls_stream][fault]") {
    bare_client peer;
    auto accepting = scope.spawn(peer.accept());
    test::raw_tls old(any_stream(std::move(peer.outside)), test::raw_tls::version::tls_1_2);
    const bool done = co_await old.shake_hands();
    auto alert = co_await old.alert();
    old.transport().close();
    auto refused = co_await accepting;
    REQUIRE_FALSE(done);
    REQUIRE(alert == "protocol version");
    REQUIRE(refused == tls_errc::old_version);
    REQUIRE(peer.why == "the peer does not offer TLS 1.3 (unsupported protocol)");
}

CO_TEST_CASE("T7: a server of TLS 1.2 is refused", "[channels][tls_stream][fault]") {
    const auto client = world().client();
    auto [one, other] = make_memory_stream_pair();
    auto connecting =
        scope.spawn(tls_stream::connect(any_stream(std::move(one)), *client, "localhost"));
    constexpr std::string_view protocol_version("\x15\x03\x03\x00\x02\x02\x46", 7);
    auto sent = co_await write_all(other, bytes_of(protocol_version));
    auto refused = co_await connecting;
    REQUIRE(sent);
    REQUIRE(refused.error() == tls_errc::old_version);
}

CO_TEST_CASE("T7: who does not speak TLS is found out, on either side",
             "[channels][tls_stream][fault]") {
    bare_client peer;
    auto asked = co_await write_all(peer.outside, bytes_of("GET / HTTP/1.1\r\n\r\n"));
    auto accepting = scope.spawn(peer.accept());
    std::array<std::byte, 7> answer{};
    auto answered = co_await read_exact(peer.outside, std::span<std::byte>(answer));
    peer.outside.close();
    auto refused = co_await accepting;

    const auto client = world().client();
    auto [one, other] = make_memory_stream_pair();
    auto greeted = co_await write_all(other, bytes_of("220 mail.example.org ready\r\n"));
    auto refused_too =
        co_await tls_stream::connect(any_stream(std::move(one)), *client, "localhost");
    REQUIRE(asked);
    REQUIRE(answered);
    REQUIRE(std::ranges::equal(answer, bytes_of(unexpected_message)));
    REQUIRE(refused == tls_errc::not_tls);
    REQUIRE(peer.why == "the peer does not speak TLS");
    REQUIRE(greeted);
    REQUIRE(refused_too.error() == tls_errc::not_tls);
}

CO_TEST_CASE("T7: a peer that leaves in the handshake has truncated it",
             "[channels][tls_stream][fault]") {
    bare_client peer;
    auto begun = co_await peer.outside.write_some(bytes_of("\x16\x03\x01\x02"));
    auto ended = co_await peer.outside.close_writing();
    auto refused = co_await peer.accept();
    REQUIRE(begun);
    REQUIRE(ended);
    REQUIRE(refused == errc::truncated);
}

CO_TEST_CASE("T7: an end that TLS did not make is a truncation, behind what came",
             "[channels][tls_stream][fault]") {
    hostile_pair between;
    co_await between.begin(scope);
    between.raw.write("whole");
    auto sent = co_await between.raw.flush();
    auto ended = co_await between.raw.transport().close_writing();
    std::string read;
    auto failed = co_await read_until_it_fails(*between.stream, read);
    auto again = co_await read_until_it_fails(*between.stream, read);

    hostile_pair inside;
    co_await inside.begin(scope);
    inside.raw.write("whole");
    inside.raw.write("half a record");
    std::string bytes = inside.raw.take_output();
    bytes.resize(bytes.size() - 10);
    auto sent_too = co_await inside.raw.send(std::move(bytes));
    auto ended_too = co_await inside.raw.transport().close_writing();
    std::string read_too;
    auto failed_too = co_await read_until_it_fails(*inside.stream, read_too);
    REQUIRE(sent);
    REQUIRE(ended);
    REQUIRE(read == "whole");
    REQUIRE(failed == errc::truncated);
    REQUIRE(again == errc::truncated);
    REQUIRE(sent_too);
    REQUIRE(ended_too);
    REQUIRE(read_too == "whole");
    REQUIRE(failed_too == errc::truncated);
}

CO_TEST_CASE("T7: what was changed on the way ends the connection, and the peer is told",
             "[channels][tls_stream][fault]") {
    hostile_pair pair;
    co_await pair.begin(scope);
    pair.raw.write("good");
    pair.raw.write("changed");
    std::string bytes = pair.raw.take_output();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    auto sent = co_await pair.raw.send(std::move(bytes));
    std::string read;
    auto failed = co_await read_until_it_fails(*pair.stream, read);
    auto late = co_await pair.stream->write_some(bytes_of("more"));
    pair.stream->close();
    auto alert = co_await pair.raw.alert();
    REQUIRE(sent);
    REQUIRE(read == "good");
    REQUIRE(failed == tls_errc::broken_rules);
    REQUIRE(late.error() == tls_errc::broken_rules);
    REQUIRE(alert == "bad record mac");
}

CO_TEST_CASE("T7: records of anything, and a second handshake, end the connection",
             "[channels][tls_stream][fault]") {
    for (const std::string_view garbage :
         {std::string_view("\x16\x03\x03\x00\x04\x01\x00\x00\x00", 9),
          std::string_view("\x14\x03\x03\x00\x01\x02", 6),
          std::string_view("\x17\x03\x03\xff\xff", 5),
          std::string_view("\x99\x99\x99\x99\x99\x99", 6)}) {
        hostile_pair pair;
        co_await pair.begin(scope);
        auto sent = co_await pair.raw.send(std::string(garbage));
        auto failed = co_await pair.read();
        REQUIRE(sent);
        REQUIRE(failed.error() == tls_errc::broken_rules);
    }
}

CO_TEST_CASE("T7: new keys are made when the peer asks for them", "[channels][tls_stream][fault]") {
    hostile_pair pair;
    co_await pair.begin(scope);
    pair.raw.ask_for_new_keys();
    pair.raw.write("by the new key");
    auto sent = co_await pair.raw.flush();
    auto got = co_await pair.read();
    auto answered = co_await pair.stream->write_some(bytes_of("by another"));
    pair.stream->close();
    auto alert = co_await pair.raw.alert();  // reads all there is
    REQUIRE(sent);
    REQUIRE(got.value() == 14);
    REQUIRE(answered.value() == 10);
    REQUIRE(alert.empty());
}

CO_TEST_CASE("T7: who asks for new keys and never reads them is cut off",
             "[channels][tls_stream][fault]") {
    hostile_pair pair(64);
    co_await pair.begin(scope);
    for (int i = 0; i < 2000; ++i) pair.raw.ask_for_new_keys();
    auto asking = scope.spawn(pair.raw.flush());
    auto failed = co_await pair.read();
    asking.request_stop();
    auto sent = co_await asking;
    REQUIRE(failed.error() == tls_errc::too_many_answers);
    REQUIRE_FALSE(sent);
}

CO_TEST_CASE("T7: a read that is stopped in the middle of a record loses nothing",
             "[channels][tls_stream][fault][cancel]") {
    hostile_pair pair;
    co_await pair.begin(scope);
    const std::string text(3000, 'y');
    pair.raw.write(text);
    const std::string bytes = pair.raw.take_output();
    std::string all;
    for (std::size_t at = 0; at < bytes.size(); at += 500) {
        auto sent = co_await pair.raw.send(bytes.substr(at, 500));
        auto reading = scope.spawn(pair.read());
        co_await test::settle();
        reading.request_stop();
        auto got = co_await reading;
        REQUIRE(sent);
        if (at + 500 < bytes.size()) {
            REQUIRE(got.error() == errc::cancelled);
        } else {
            REQUIRE(got.value() == 1024);
        }
    }
    auto more = co_await pair.read();
    auto last = co_await pair.read();
    REQUIRE(more.value() == 1024);
    REQUIRE(last.value() == 3000 - 2048);
}

CO_TEST_CASE("T7: a connection that is cut anywhere fails at both ends, or never began",
             "[channels][tls_stream][fault]") {
    const auto client = world().alice();
    const auto server = world().mutual_server();
    for (const std::uint64_t cut : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5},
                                    std::uint64_t{200}, std::uint64_t{600}}) {
        auto [one, other] = make_memory_stream_pair();
        auto [third, fourth] = make_memory_stream_pair();
        test::chaos_plan plan(cut + 1);
        plan.chunk_max(100).cut_after(cut);
        auto between = scope.spawn(test::proxy(other, third, plan));
        any_stream client_side(std::move(one));
        any_stream server_side(std::move(fourth));
        auto ends = co_await test::shake_hands(std::move(client_side), std::move(server_side),
                                               *client, *server);
        std::error_code failed = ends.client.error();
        if (ends.client) {
            std::string read;
            failed = co_await read_until_it_fails(*ends.client, read);
            ends.client = make_error_code(errc::closed);
        }
        ends.server = make_error_code(errc::closed);
        co_await between;
        INFO("cut after " << cut << " bytes");
        REQUIRE(failed);
    }
}
