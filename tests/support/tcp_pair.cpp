// SPDX-License-Identifier: BSL-1.0
#include "tcp_pair.hpp"

#include <sys/socket.h>

namespace conduit::test {

task<tcp_ends> tcp_pair(tcp_options options) {
    auto listener = tcp_listener::listen(0, tcp_listen_options().streams(options)).value();
    const socket_address where = listener.local_address().value();
    auto client = co_await tcp_stream::connect(where, options);
    auto server = co_await listener.accept();
    co_return tcp_ends(std::move(client.value()), std::move(server.value()));
}

void reset(tcp_stream from) {
    const linger at_once{1, 0};
    ::setsockopt(from.handle().native().value(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    // Closing a handle shuts it down first, which would be an end: so by hand.
    unique_fd socket = from.detach().value();
    socket.reset();
}

int option_of(tcp_stream& of, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(of.handle().native().value(), level, name, &value, &size);
    return value;
}

task<deaf_listener> deaf_listener::make() {
    auto listener = tcp_listener::listen(0, tcp_listen_options().backlog_max(0)).value();
    const socket_address where = listener.local_address().value();
    auto waiting = co_await tcp_stream::connect(where);
    co_return deaf_listener(std::move(listener), where, std::move(waiting.value()));
}

}  // namespace conduit::test
