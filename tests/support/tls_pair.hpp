// SPDX-License-Identifier: BSL-1.0
//
// Both ends of a TLS connection, and a peer that speaks TLS by hand, with OpenSSL alone, to do what
// a tls_stream never does.
//
//     auto ends = co_await test::shake_hands(*world.client(), *world.server());
//     test::raw_tls peer(std::move(socket), test::raw_tls::version::tls_1_2);

#pragma once

#include "tls_certificates.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct ssl_st;

namespace conduit::test {

/// What both made of the handshake, with their words where it failed.
class tls_ends {
public:
    tls_ends(result<tls_stream> one, result<tls_stream> other) noexcept
        : client(std::move(one)), server(std::move(other)) {}

    result<tls_stream> client;
    result<tls_stream> server;
    std::string client_why;
    std::string server_why;
};

task<tls_ends> shake_hands(any_stream client_side, any_stream server_side,
                           const tls_context& client, const tls_context& server,
                           std::string name = "localhost");
/// Over a memory stream with so much room.
task<tls_ends> shake_hands(const tls_context& client, const tls_context& server,
                           std::string name = "localhost", std::size_t room = 65'536);

/// A client without any rules, which takes every certificate, or a server.
class raw_tls {
public:
    enum class version : std::uint8_t { tls_1_2, tls_1_3 };
    enum class side : std::uint8_t { client, server };

    raw_tls(any_stream over, version newest);
    /// One that shows a certificate, whatever is in it.
    raw_tls(any_stream over, side which, const tls_identity& identity);
    raw_tls(const raw_tls&) = delete;
    raw_tls& operator=(const raw_tls&) = delete;
    ~raw_tls();

    /// Until it is done or cannot be; yields whether it is done.
    task<bool> shake_hands();
    /// What OpenSSL has to send, as bytes of the transport; not sent yet.
    void write(std::string_view text);
    void ask_for_new_keys();
    std::string take_output();
    /// Sends all that was written; false when the other side takes no more.
    task<bool> flush();
    /// Sends bytes as they are.
    task<bool> send(std::string bytes);
    /// What the peer's alert was, or "" where none came before it closed.
    task<std::string> alert();

    any_stream& transport() noexcept { return over_; }

private:
    raw_tls(any_stream over, side which, version newest, const tls_identity* identity);
    task<bool> fetch();

    any_stream over_;
    std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
    std::string alert_;
};

}  // namespace conduit::test
