// SPDX-License-Identifier: BSL-1.0
//
// TCP on this host, on a port that the kernel chooses; Unix sockets on a path of the test's.
//
//     auto listening = test::listen_on_loopback();
//     auto client = test::attached_tcp_socket();
//     auto connected = co_await client.connect(listening.address);

#pragma once

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <string>

namespace conduit::test {

struct loopback_listener {
    unique_fd socket;
    socket_address address;
};

/// Throws std::system_error with not_supported where the current kernel has no sockets.
loopback_listener listen_on_loopback(int backlog_max = 16);

/// A TCP socket that is not connected yet.
io_handle attached_tcp_socket();

/// The same two for a Unix stream socket.
loopback_listener listen_on_path(const std::string& path, int backlog_max = 16);
io_handle attached_unix_socket();

}  // namespace conduit::test
