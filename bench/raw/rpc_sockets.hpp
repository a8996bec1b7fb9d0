// SPDX-License-Identifier: BSL-1.0
//
// Sockets for the raw programs of the rpc rows, from the addresses that rpc_run.hpp gives them.
//
//     const int listener = listen_at(address, mine);
//     const int client = accept_from(listener);

#pragma once

#include "rpc_run.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <string>

/// Where "unix:<path>" or "tcp:127.0.0.1:<port>" leads.
struct socket_address {
    explicit socket_address(const std::string& text) {
        if (text.starts_with("unix:")) {
            auto* at = new (&storage) sockaddr_un{};
            at->sun_family = AF_UNIX;
            text.copy(at->sun_path, sizeof at->sun_path - 1, 5);
            size = sizeof *at;
        } else {
            auto* at = new (&storage) sockaddr_in{};
            at->sin_family = AF_INET;
            at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            at->sin_port = htons(static_cast<std::uint16_t>(
                std::strtol(text.c_str() + text.rfind(':') + 1, nullptr, 10)));
            size = sizeof *at;
        }
    }

    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }

    sockaddr_storage storage{};
    socklen_t size = 0;
};

inline int port_of(int listener) {
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size);
    return bound.sin_family == AF_INET ? ntohs(bound.sin_port) : 0;
}

inline int listen_at(const std::string& address, rpc_side& mine) {
    socket_address at(address);
    const int listener = ::socket(at.get()->sa_family, SOCK_STREAM, 0);
    if (::bind(listener, at.get(), at.size) != 0) fail("bind");
    if (::listen(listener, 1024) != 0) fail("listen");
    mine.listens_at(port_of(listener));
    return listener;
}

/// Small writes leave at once. A Unix socket knows no such option and needs none.
inline int sent_at_once(int fd) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

inline int accept_from(int listener) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) fail("accept");
    return sent_at_once(fd);
}

inline int connect_to(const std::string& address) {
    socket_address at(address);
    const int fd = ::socket(at.get()->sa_family, SOCK_STREAM, 0);
    if (::connect(fd, at.get(), at.size) != 0) fail("connect");
    return sent_at_once(fd);
}
