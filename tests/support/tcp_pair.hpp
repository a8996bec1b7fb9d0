// SPDX-License-Identifier: BSL-1.0
//
// Two ends of a TCP connection on this host, and what a peer may do to one.
//
//     auto pair = co_await test::tcp_pair();
//     test::reset(std::move(pair.server));             // the client gets a RST

#pragma once

#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <utility>

namespace conduit::test {

struct tcp_ends {
    tcp_ends(tcp_stream connected, tcp_stream accepted) noexcept
        : client(std::move(connected)), server(std::move(accepted)) {}

    tcp_stream client;
    tcp_stream server;
};

/// Both with these options. Throws std::system_error with not_supported where the kernel has none.
task<tcp_ends> tcp_pair(tcp_options options = {});

/// Closes so that the peer gets a reset rather than an end.
void reset(tcp_stream from);

/// An option of the kernel's as it is now.
int option_of(tcp_stream& of, int level, int name);

/// A listener that takes no one any more: who connects from now on waits for an answer.
class deaf_listener {
public:
    static task<deaf_listener> make();

    const socket_address& address() const noexcept { return address_; }

private:
    deaf_listener(tcp_listener listener, const socket_address& where, tcp_stream waiting) noexcept
        : listener_(std::move(listener)), address_(where), waiting_(std::move(waiting)) {}

    tcp_listener listener_;
    socket_address address_;
    tcp_stream waiting_;  // fills the backlog
};

}  // namespace conduit::test
