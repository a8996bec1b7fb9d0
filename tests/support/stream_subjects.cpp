// SPDX-License-Identifier: BSL-1.0
#include "stream_subjects.hpp"

#include "../skip.hpp"
#include "fifo_place.hpp"
#include "temp_dir.hpp"
#include "tls_certificates.hpp"
#include "tls_pair.hpp"

#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/when_all.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <system_error>

namespace conduit::test {
namespace {

task<stream_pair> memory_streams() {
    auto [one, other] = make_memory_stream_pair();
    co_return stream_pair(std::move(one), std::move(other));
}

task<stream_pair> small_memory_streams() {
    auto [one, other] = make_memory_stream_pair(7);
    stream_pair both(std::move(one), std::move(other));
    both.is_narrow = true;
    co_return std::move(both);
}

task<stream_pair> crossed_pipes() {
    auto there = make_pipe().value();
    auto back = make_pipe().value();
    any_stream one(std::move(back.reader), std::move(there.writer));
    any_stream other(std::move(there.reader), std::move(back.writer));
    co_return stream_pair(std::move(one), std::move(other));
}

task<stream_pair> unix_sockets() {
    auto [one, other] = make_unix_pair().value();
    co_return stream_pair(std::move(one), std::move(other));
}

/// The FIFOs go on without their folder.
task<stream_pair> crossed_fifos() {
    const fifo_place place;
    auto there = co_await open_pair(place.made("there"));
    auto back = co_await open_pair(place.made("back"));
    any_stream one(std::move(back.in), std::move(there.out));
    any_stream other(std::move(there.in), std::move(back.out));
    co_return stream_pair(std::move(one), std::move(other));
}

task<stream_pair> duplex_fifos() {
    const fifo_place place;
    const std::string path = place.path("link");
    const auto waiting = fifo_options().when_missing(fifo_missing::is_awaited);
    auto ends = co_await when_all(duplex_fifo::create(path), duplex_fifo::open(path, waiting));
    any_stream one(std::get<0>(std::move(ends)).value());
    any_stream other(std::get<1>(std::move(ends)).value());
    co_return stream_pair(std::move(one), std::move(other));
}

task<stream_pair> accepted_unix_socket() {
    const temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto one = co_await unix_stream::connect(folder.path("s"));
    auto other = co_await listener.accept();
    co_return stream_pair(std::move(one.value()), std::move(other.value()));
}

task<stream_pair> tcp_sockets() {
    auto listener = tcp_listener::listen(0).value();
    auto one = co_await tcp_stream::connect(listener.local_address().value());
    auto other = co_await listener.accept();
    co_return stream_pair(std::move(one.value()), std::move(other.value()));
}

/// What both ends of a TLS connection say over a stream of another kind.
task<stream_pair> tls_over(stream_pair below) {
    static const tls_world world;
    stream_pair own = std::move(below);
    static const shared_context client = world.client();
    static const shared_context server = world.server();
    auto ends = co_await shake_hands(std::move(own.first), std::move(own.second), *client, *server);
    any_stream one(std::move(ends.client.value()));
    any_stream other(std::move(ends.server.value()));
    stream_pair secured(std::move(one), std::move(other));
    secured.is_narrow = own.is_narrow;
    co_return std::move(secured);
}

task<stream_pair> tls_over_memory() {
    auto below = co_await memory_streams();
    co_return co_await tls_over(std::move(below));
}

task<stream_pair> tls_over_small_memory() {
    auto below = co_await small_memory_streams();
    co_return co_await tls_over(std::move(below));
}

task<stream_pair> tls_over_pipes() {
    auto below = co_await crossed_pipes();
    co_return co_await tls_over(std::move(below));
}

task<stream_pair> tls_over_tcp() {
    auto below = co_await tcp_sockets();
    co_return co_await tls_over(std::move(below));
}

/// Nothing where the backend has no such stream.
task<std::optional<stream_pair>> made(const stream_subject& subject) {
    try {
        co_return co_await subject.make();
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::not_supported) throw;
    }
    skip(std::string(subject.name) +
         ": not in this backend yet: " + std::string(scheduler::current().backend_name()));
    co_return std::nullopt;
}

}  // namespace

const std::vector<stream_subject>& all_stream_subjects() {
    // clang-format off
    static const std::vector<stream_subject> all = {
        {"memory stream", &memory_streams},
        {"memory stream of 7 bytes", &small_memory_streams},
        {"two pipes", &crossed_pipes},
        {"Unix sockets", &unix_sockets},
        {"accepted Unix socket", &accepted_unix_socket},
        {"two FIFOs", &crossed_fifos},
        {"duplex FIFO", &duplex_fifos},
        {"TCP sockets", &tcp_sockets},
        {"TLS over a memory stream", &tls_over_memory},
        {"TLS over a memory stream of 7 bytes", &tls_over_small_memory},
        {"TLS over two pipes", &tls_over_pipes},
        {"TLS over TCP", &tls_over_tcp},
    };
    // clang-format on
    return all;
}

task<> for_each_stream(stream_contract contract, task_scope& scope) {
    for (const stream_subject& subject : all_stream_subjects()) {
        UNSCOPED_INFO("stream: " << subject.name);
        auto ends = co_await made(subject);
        if (ends) co_await contract(*ends, scope);
    }
}

}  // namespace conduit::test
