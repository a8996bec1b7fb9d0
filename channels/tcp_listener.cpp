// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/acceptor.hpp>
#include <conduit/channels/detail/tcp_socket.hpp>
#include <conduit/channels/resolver.hpp>
#include <conduit/channels/tcp_listener.hpp>

namespace conduit {
namespace {

/// Linux hands a listener's options on to what it accepts, so they cost no call per connection.
result<void> prepare(const unique_fd& socket, const socket_address& address,
                     const tcp_listen_options& options) {
    kernel& here = current_kernel();
    auto set = here.set_option(socket, socket_option::reuse_address, 1);
    if (set && options.reuse_port()) set = here.set_option(socket, socket_option::reuse_port, 1);
    if (set && address.get_family() == socket_address::family::ipv6) {
        set = here.set_option(socket, socket_option::v6_only, options.v6_only() ? 1 : 0);
    }
    if (set) set = apply(options.streams(), socket);
    if (set) set = here.bind(socket, address);
    if (set) set = here.listen(socket, options.backlog_max());
    return set;
}

}  // namespace

result<tcp_listener> tcp_listener::listen(std::uint16_t port, const tcp_listen_options& options) {
    return listen(socket_address::ipv4_loopback(port), options);
}

result<tcp_listener> tcp_listener::listen(const socket_address& address,
                                          const tcp_listen_options& options) {
    auto allowed = check_reach(address, options.beyond_loopback());
    if (!allowed) return allowed.error();
    auto socket = make_ip_socket(address, socket_kind::stream);
    if (!socket) return socket.error();
    auto prepared = prepare(*socket, address, options);
    if (!prepared) return prepared.error();
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) return handle.error();
    return tcp_listener(std::move(*handle));
}

task<result<tcp_listener>> tcp_listener::listen(std::string host, std::string service,
                                                tcp_listen_options options) {
    auto found = co_await resolve(std::move(host), std::move(service));
    if (!found) co_return found.error();
    co_return listen(found->front(), options);
}

result<tcp_listener> tcp_listener::adopt(unique_fd fd) {
    auto handle = attach_ip_socket(std::move(fd), socket_kind::stream);
    if (!handle) return handle.error();
    return tcp_listener(std::move(*handle));
}

task<result<tcp_stream>> tcp_listener::accept() {
    for (;;) {
        auto fd = co_await accept_patiently(handle_, counters_);
        if (!fd) co_return fd.error();
        auto handle = io_handle::attach(std::move(*fd));
        if (handle) co_return tcp_stream(std::move(*handle));
        ++counters_.refused;
    }
}

result<socket_address> tcp_listener::local_address() const {
    return current_kernel().local_address(handle_.owned());
}

}  // namespace conduit
