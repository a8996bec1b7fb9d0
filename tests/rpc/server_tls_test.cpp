// SPDX-License-Identifier: BSL-1.0
//
// Servers and clients that speak TLS over tcp:. Every shape of call over TLS is in
// server_transport_test.cpp, where TLS is one of all streams.
#include <conduit/rpc/server.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/raw_peer.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/tls_certificates.hpp"
#include "../support/tls_pair.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/tls_error.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::goaway_reason;

namespace {

class greeter {
public:
    virtual ~greeter() = default;
    virtual task<std::string> who_am_i() = 0;
};
CONDUIT_INTERFACE(greeter, "test.greeter.v1", who_am_i)

class local_greeter final : public greeter {
public:
    task<std::string> who_am_i() override {
        const rpc::call_info& call = co_await rpc::this_call();
        co_return std::string(call.peer_name());
    }
};

const test::tls_world& world() {
    static const test::tls_world made;
    return made;
}

rpc::server_options with(const test::shared_context& context) {
    return rpc::server_options().tls(context);
}

rpc::connect_options as(const test::shared_context& context, std::string name = {}) {
    return rpc::connect_options().tls(context, std::move(name));
}

bool is_simulated() {
    if (scheduler::current().backend_name() != "sim") return false;
    test::skip("no TCP in simulation");
    return true;
}

/// So that nobody's time is over because this process is off the CPU.
rpc::connection_options patient() { return rpc::connection_options().greeting_within(1h); }

/// Why there is no connection, or the first call over it fails; "" where neither is so.
task<std::string> trouble(std::string where, rpc::connect_options options) {
    auto made = co_await rpc::try_call(test::connect_subject(std::move(where), std::move(options)));
    if (!made) co_return std::string(made.error().text());
    auto called = co_await rpc::try_call((*made)->touch());
    co_return called ? std::string() : std::string(called.error().text());
}

bool has(std::string_view text, std::string_view words) {
    return text.find(words) != std::string_view::npos;
}

std::uint64_t ended_for(const rpc::server& server, goaway_reason reason) {
    return server.counters().ended_by_reason[static_cast<std::size_t>(reason)];
}

task<> until_ended(const rpc::server& server, std::uint64_t connections) {
    while (server.counters().ended < connections) co_await test::come_round();
}

task<tcp_stream> plain_connection(const address& to) {
    auto socket = co_await tcp_stream::connect(to.host(), to.service());
    co_return std::move(socket.value());
}

task<std::optional<rpc::fault>> fault_of_listening(rpc::server& server, std::string where) {
    auto listening = co_await rpc::try_call(server.listen(std::move(where)));
    if (listening) co_return std::nullopt;
    co_return listening.error();
}

}  // namespace

CO_TEST_CASE("a tcp: listener of a server with a TLS context speaks TLS", "[rpc][server][tls]") {
    if (is_simulated()) co_return;
    test::subject_server there(with(world().server()));
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto here = co_await test::connect_subject(to_string(at), as(world().client()));
    co_await test::try_every_shape(*here);
    co_await test::try_handles_in_vain(*here);
    const std::string name = here.connection().peer_name();
    co_await here.close();
    co_await there.server.drain();
    REQUIRE(there.object.touched == 1);
    REQUIRE(name == "server");
    REQUIRE(ended_for(there.server, goaway_reason::protocol) == 0);
}

CO_TEST_CASE("with mutual TLS a procedure knows the caller's name", "[rpc][call_info][tls]") {
    if (is_simulated()) co_return;
    local_greeter object;
    rpc::server known(with(world().mutual_server()));
    rpc::server unknown(with(world().server()));
    known.offer<greeter>(object);
    unknown.offer<greeter>(object);
    auto at = co_await known.listen("tcp:127.0.0.1:0");
    auto at_too = co_await unknown.listen("tcp:127.0.0.1:0");
    auto alice = co_await rpc::connect<greeter>(to_string(at), as(world().alice()));
    auto nobody = co_await rpc::connect<greeter>(to_string(at_too), as(world().alice()));
    auto name = co_await alice->who_am_i();
    auto none = co_await nobody->who_am_i();
    REQUIRE(name == "alice");
    REQUIRE(none.empty());
}

CO_TEST_CASE("listening beyond loopback with TLS needs clients with certificates, or a word",
             "[rpc][server][tls]") {
    if (is_simulated()) co_return;
    rpc::server mutual(with(world().mutual_server()));
    rpc::server anonymous(with(world().server()));
    rpc::server permitted(with(world().server()).allow_anonymous_tls_beyond_loopback());
    auto taken = co_await fault_of_listening(mutual, "tcp:0.0.0.0:0");
    auto refused = co_await fault_of_listening(anonymous, "tcp:0.0.0.0:0");
    auto near = co_await fault_of_listening(anonymous, "tcp:127.0.0.1:0");
    auto taken_too = co_await fault_of_listening(permitted, "tcp:0.0.0.0:0");
    REQUIRE_FALSE(taken);
    REQUIRE(refused->code() == rpc::status::permission_denied);
    REQUIRE(has(refused->text(), "cannot listen at 'tcp:0.0.0.0:0': beyond loopback"));
    REQUIRE(has(refused->text(), "allow_anonymous_tls_beyond_loopback()"));
    REQUIRE_FALSE(near);
    REQUIRE_FALSE(taken_too);
}

CO_TEST_CASE("T7: what is wrong with TLS is in the fault of who connects, with the address",
             "[rpc][connect][tls][fault]") {
    if (is_simulated()) co_return;
    test::subject_server there(with(world().mutual_server()));
    test::subject_server plain;
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto plain_at = co_await plain.server.listen("tcp:127.0.0.1:0");
    const std::string where = to_string(at);
    const auto stranger =
        test::make_client(tls_options().trust_text(test::make_authority("other").certificate));
    auto wrong_name = co_await trouble(where, as(world().alice(), "example.org"));
    auto untrusted = co_await trouble(where, as(stranger));
    auto not_tls = co_await trouble(to_string(plain_at), as(world().alice()));
    auto no_certificate = co_await trouble(where, as(world().client()));
    auto no_tls = co_await trouble(where, rpc::connect_options());
    auto good = co_await trouble(where, as(world().alice()));
    const std::string start = "cannot connect to '" + where + "': TLS: ";
    REQUIRE(wrong_name ==
            start + "the certificate of the peer is for another name (not for 'example.org')");
    REQUIRE(has(untrusted, start + "the certificate of the peer leads to no trusted root"));
    REQUIRE(has(not_tls, "TLS: the peer does not speak TLS"));
    INFO(no_certificate);
    REQUIRE(has(no_certificate, "the peer wants a certificate and got none"));
    REQUIRE(has(no_tls, "the peer speaks TLS, and this side does not"));
    REQUIRE(good.empty());
}

CO_TEST_CASE("T7: bad clients of a TLS server end alone, each for its reason",
             "[rpc][server][tls][fault]") {
    if (is_simulated()) co_return;
    test::subject_server there(with(world().server()).each(patient()));
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto good = co_await test::connect_subject(to_string(at), as(world().client()));
    co_await good->touch();

    auto leaver = co_await plain_connection(at);
    leaver.close();
    co_await until_ended(there.server, 1);

    auto garbage = co_await plain_connection(at);
    auto sent = co_await write_all(garbage, bytes_of("GET / HTTP/1.1\r\n\r\n"));
    auto answer = co_await read_all(garbage, 100);
    garbage.close();
    co_await until_ended(there.server, 2);

    co_await good->touch();
    REQUIRE(there.server.counters().handshakes_failed == 2);
    REQUIRE(there.server.stats().handshakes_failed == 2);
    REQUIRE(
        has(rpc::to_prometheus(there.server.stats()), "conduit_tls_handshakes_failed_total 2\n"));
    REQUIRE(sent);
    REQUIRE(answer->size() == 7);
    REQUIRE(ended_for(there.server, goaway_reason::refused) == 2);
    REQUIRE(there.object.touched == 2);
    REQUIRE(there.server.connections_now() == 1);
}

CO_TEST_CASE("T7: a client of a TLS server that says nothing is let go when its time is over",
             "[rpc][server][tls][fault]") {
    if (is_simulated()) co_return;
    const auto hasty = rpc::connection_options().greeting_within(20ms);
    test::subject_server there(with(world().server()).each(hasty));
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto silent = co_await plain_connection(at);
    co_await until_ended(there.server, 1);
    auto end = co_await read_all(silent, 100);
    REQUIRE(ended_for(there.server, goaway_reason::timeout) == 1);
    REQUIRE(there.server.counters().handshakes_failed == 1);
    REQUIRE(there.server.connections_now() == 0);
    REQUIRE(end.has_value());
}

TEST_CASE("the time for opening is part of that for the greeting", "[rpc][connection][sim]") {
    scheduler sched(scheduler_options().backend(backend_kind::sim));
    const auto body = []() -> task<> {
        rpc::detail::connection_terms terms(rpc::connection_options().greeting_within(600ms));
        const clock::time_point came = terms.came;
        co_await sleep_for(100ms);  // the handshake
        auto ends = make_memory_stream_pair();
        const rpc::service_table nothing;
        rpc::connection link(any_stream(std::move(ends.first)), nothing, std::move(terms));
        test::raw_peer silent(any_stream(std::move(ends.second)));
        co_await silent.until_told_off();
        CHECK(silent.goaway->reason == goaway_reason::timeout);
        CHECK(silent.goaway->text ==
              "no greeting came within 600 ms (greeting_within), of which opening took 100");
        CHECK(clock::now() - came >= 600ms);
        CHECK(clock::now() - came < 601ms);
    };
    sched.run(body());
}

namespace {

/// What a server says to a client that takes 100 ms for its handshake at least, and does not greet;
/// nothing where that was too late for it.
task<std::string> last_words_to_slow_client(std::chrono::milliseconds limit) {
    const auto options = rpc::connection_options().greeting_within(limit);
    test::subject_server there(with(world().server()).each(options));
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto socket = co_await plain_connection(at);
    co_await sleep_for(100ms);
    const auto context = world().client();
    any_stream over(std::move(socket));
    auto secured = co_await tls_stream::connect(std::move(over), *context, "127.0.0.1");
    std::string text;
    if (secured) {
        auto said = co_await read_all(*secured, 4096);
        if (said) {
            for (const auto each : *said) text += static_cast<char>(each);
        }
        secured->close();
    }
    co_await until_ended(there.server, 1);
    CHECK(ended_for(there.server, goaway_reason::timeout) == 1);
    co_return text;
}

}  // namespace

CO_TEST_CASE("T7: the time for the handshake is part of that for the greeting",
             "[rpc][server][tls][fault]") {
    if (is_simulated()) co_return;
    // Where this process is off the CPU for so long the handshake ends too late: then with more.
    std::chrono::milliseconds limit = 300ms;
    std::string text = co_await last_words_to_slow_client(limit);
    while (text.empty()) {
        limit *= 2;
        text = co_await last_words_to_slow_client(limit);
    }
    const std::string words = "no greeting came within " + std::to_string(limit.count()) +
                              " ms (greeting_within), of which opening took ";
    const std::size_t at_words = text.find(words);
    REQUIRE(at_words != std::string::npos);
    REQUIRE(std::stoi(text.substr(at_words + words.size())) >= 100);
}

TEST_CASE("T7: the log says at which address TLS failed, and why", "[rpc][server][tls][fault]") {
    for (const backend_kind kind : test::kernel_backends()) {
        std::vector<std::string> lines;
        std::string where;
        const auto log = [&](log_level level, std::string_view line) {
            if (level == log_level::warning) lines.emplace_back(line);
        };
        // And nothing of a turn in which this process was off the CPU.
        scheduler sched(scheduler_options().backend(kind).log(log).stall_limit(0ms));
        const auto body = [](std::string& named) -> task<> {
            test::subject_server there(with(world().mutual_server()));
            auto at = co_await there.server.listen("tcp:127.0.0.1:0");
            named = to_string(at);
            auto no_certificate = co_await trouble(named, as(world().client()));
            co_await until_ended(there.server, 1);
            auto no_tls = co_await trouble(named, rpc::connect_options());
            co_await until_ended(there.server, 2);
            CHECK_FALSE(no_certificate.empty());
            CHECK_FALSE(no_tls.empty());
        };
        sched.run(body(where));
        const std::vector<std::string> expected = {
            where + ": a connection ended: 'it did not open: the peer showed no certificate'",
            where + ": a connection ended: 'it did not open: the peer does not speak TLS'"};
        REQUIRE(lines == expected);
    }
}

CO_TEST_CASE("a plain server says that its client speaks TLS", "[rpc][server][tls]") {
    test::subject_server there;
    auto [one, other] = make_memory_stream_pair();
    there.server.serve(any_stream(std::move(one)));
    const auto client = world().client();
    auto refused = co_await tls_stream::connect(any_stream(std::move(other)), *client, "localhost");
    co_await until_ended(there.server, 1);
    REQUIRE(refused.error() == tls_errc::not_tls);
    REQUIRE(ended_for(there.server, goaway_reason::protocol) == 1);
}

CO_TEST_CASE("what was connected by TLS goes on when the context has gone or was renewed",
             "[rpc][server][tls]") {
    if (is_simulated()) co_return;
    auto context = world().server();
    test::subject_server there(with(context));
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto before = co_await test::connect_subject(to_string(at), as(world().client()));
    const auto renewed = context->reload();
    auto after = co_await test::connect_subject(to_string(at), as(world().client()));
    co_await before->touch();
    co_await after->touch();
    REQUIRE(renewed);
    REQUIRE(there.object.touched == 2);
}
