// SPDX-License-Identifier: BSL-1.0
//
// Who may use a server, and how much of it. What one connection may cost is in
// connection_options.hpp; see server.hpp.
//
//     rpc::server server(rpc::server_options().connections_max(200).drain_within(2s));

#pragma once

#include <conduit/channels/allowed_users.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/rpc/connection_options.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace conduit::rpc {

/// How a server is made. Each setter returns the options, to be chained.
class server_options {
public:
    /// How many connections it has at a time; 1024. Others are told to try again later.
    server_options& connections_max(std::size_t n) noexcept { return set(connections_max_, n); }
    /// How many of them processes of one user may have, or a host that connects over TCP; 256.
    server_options& connections_per_user_max(std::size_t n) noexcept {
        return set(connections_per_user_max_, n);
    }
    /// How many connections may be there that have not said who they are; 64. Others wait, and
    /// where one in this number takes long, the oldest of them gives up its place.
    server_options& strangers_max(std::size_t n) noexcept { return set(strangers_max_, n); }

    /// How many calls it serves at a time; 4,096. What comes then fails with resource_exhausted. Of
    /// this and of the next three a user may take half of what the other users leave, so that no
    /// one can take all; over TCP a host counts as a user.
    server_options& calls_max(std::size_t n) noexcept { return set(calls_max_, n); }
    /// What all connections together may take of what connection_options::memory_max() bounds for
    /// each: 64 MiB.
    server_options& memory_max(std::size_t bytes) noexcept { return set(memory_max_, bytes); }

    /// The same for connection_options::handles_held_max(): 256.
    server_options& handles_held_max(std::size_t n) noexcept { return set(handles_held_max_, n); }

    /// The same for connection_options::handles_given_max(): 256. Keep it well below the limit on
    /// open files (RLIMIT_NOFILE): of handles that nobody has received the kernel lets the user who
    /// runs this process have as many on the whole host.
    server_options& handles_given_max(std::size_t n) noexcept { return set(handles_given_max_, n); }

    /// How long calls may wait until they begin, when that is no burst; 50 ms. Where for ten times
    /// as long there was always one that had waited for more, those that have are refused with
    /// resource_exhausted and told when to come back, and of the others the newest begin first:
    /// what is served is served in time. Zero: never.
    server_options& queue_target(std::chrono::milliseconds time) noexcept {
        return set(queue_target_, time);
    }

    /// For how long calls begin one after the other before the users take turns, one call each;
    /// 50 us. Zero: calls begin in the order in which they came, whoever asks for how many.
    server_options& turn_time(std::chrono::microseconds time) noexcept {
        return set(turn_time_, time);
    }

    /// Whose processes may call over Unix sockets; this process's own user and root unless said.
    server_options& clients(allowed_users users) { return set(clients_, std::move(users)); }
    /// The permissions of a Unix socket's file; 0600.
    server_options& socket_mode(unsigned bits) noexcept { return set(socket_mode_, bits); }

    /// Lets tcp: addresses beyond loopback be listened at: whoever reaches the port can call, and
    /// whoever is on the way reads and changes what is said.
    server_options& allow_plain_tcp_beyond_loopback() noexcept {
        return set(plain_tcp_beyond_loopback_, true);
    }

    /// Makes all tcp: listeners speak TLS (channels/tls_context.hpp). They may then be beyond
    /// loopback, provided that clients must show a certificate
    /// (tls_options::require_client_certificate()): this_call() says whose it is.
    server_options& tls(std::shared_ptr<const tls_context> context) {
        return set(tls_, std::move(context));
    }
    /// Lets listeners that speak TLS go beyond loopback although clients need no certificate:
    /// whoever reaches the port can call.
    server_options& allow_anonymous_tls_beyond_loopback() noexcept {
        return set(anonymous_tls_beyond_loopback_, true);
    }

    /// How long run() lets calls under way go on once it was asked to stop; 5 s.
    server_options& drain_within(std::chrono::milliseconds time) noexcept {
        return set(drain_within_, time);
    }

    /// The limits of each connection.
    server_options& each(connection_options options) { return set(each_, std::move(options)); }

    std::size_t connections_max() const noexcept { return connections_max_; }
    std::size_t connections_per_user_max() const noexcept { return connections_per_user_max_; }
    std::size_t strangers_max() const noexcept { return strangers_max_; }
    std::size_t calls_max() const noexcept { return calls_max_; }
    std::size_t memory_max() const noexcept { return memory_max_; }
    std::size_t handles_held_max() const noexcept { return handles_held_max_; }
    std::size_t handles_given_max() const noexcept { return handles_given_max_; }
    std::chrono::microseconds turn_time() const noexcept { return turn_time_; }
    std::chrono::milliseconds queue_target() const noexcept { return queue_target_; }
    const allowed_users& clients() const noexcept { return clients_; }
    unsigned socket_mode() const noexcept { return socket_mode_; }
    bool plain_tcp_beyond_loopback() const noexcept { return plain_tcp_beyond_loopback_; }
    const std::shared_ptr<const tls_context>& tls() const noexcept { return tls_; }
    bool anonymous_tls_beyond_loopback() const noexcept { return anonymous_tls_beyond_loopback_; }
    std::chrono::milliseconds drain_within() const noexcept { return drain_within_; }
    const connection_options& each() const noexcept { return each_; }

private:
    template <class T>
    server_options& set(T& field, T value) {
        field = std::move(value);
        return *this;
    }

    std::size_t connections_max_ = 1024;
    std::size_t connections_per_user_max_ = 256;
    std::size_t strangers_max_ = 64;
    std::size_t calls_max_ = 4096;
    std::size_t memory_max_ = std::size_t{64} * 1024 * 1024;
    std::size_t handles_held_max_ = 256;
    std::size_t handles_given_max_ = 256;
    std::chrono::milliseconds queue_target_{50};
    std::chrono::microseconds turn_time_{50};
    allowed_users clients_;
    unsigned socket_mode_ = 0600;
    bool plain_tcp_beyond_loopback_ = false;
    bool anonymous_tls_beyond_loopback_ = false;
    std::shared_ptr<const tls_context> tls_;
    std::chrono::milliseconds drain_within_{5000};
    connection_options each_;
};

}  // namespace conduit::rpc
