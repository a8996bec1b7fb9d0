// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/tcp_socket.hpp>
#include <conduit/channels/resolver.hpp>
#include <conduit/channels/udp_datagram.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/io_message.hpp>

namespace conduit {

result<udp_datagram> udp_datagram::bind(std::uint16_t port, const udp_options& options) {
    return bind(socket_address::ipv4_loopback(port), options);
}

result<udp_datagram> udp_datagram::bind(const socket_address& address, const udp_options& options) {
    auto allowed = check_reach(address, options.beyond_loopback());
    if (!allowed) return allowed.error();
    auto socket = make_ip_socket(address, socket_kind::datagram);
    if (!socket) return socket.error();
    if (options.reuse_port()) {
        auto set = current_kernel().set_option(*socket, socket_option::reuse_port, 1);
        if (!set) return set.error();
    }
    auto bound = current_kernel().bind(*socket, address);
    if (!bound) return bound.error();
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) return handle.error();
    return udp_datagram(std::move(*handle));
}

task<result<udp_datagram>> udp_datagram::connect(socket_address peer) {
    auto socket = make_ip_socket(peer, socket_kind::datagram);
    if (!socket) co_return socket.error();
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) co_return handle.error();
    auto connected = co_await handle->connect(peer);
    if (!connected) co_return connected.error();
    co_return udp_datagram(std::move(*handle));
}

task<result<udp_datagram>> udp_datagram::connect(std::string host, std::string service) {
    auto found = co_await resolve(std::move(host), std::move(service), transport::udp);
    if (!found) co_return found.error();
    co_return co_await connect(found->front());
}

result<udp_datagram> udp_datagram::adopt(unique_fd fd) {
    auto handle = attach_ip_socket(std::move(fd), socket_kind::datagram);
    if (!handle) return handle.error();
    return udp_datagram(std::move(*handle));
}

task<result<void>> udp_datagram::send_to(std::span<const std::byte> bytes, socket_address to) {
    outgoing_message message(bytes);
    message.to(to);
    auto sent = co_await handle_.send(message);
    if (!sent) co_return sent.error();
    co_return result<void>();
}

task<result<void>> udp_datagram::send(std::span<const std::byte> bytes) {
    const outgoing_message message(bytes);
    auto sent = co_await handle_.send(message);
    if (!sent) co_return sent.error();
    co_return result<void>();
}

task<result<udp_arrival>> udp_datagram::receive_from(std::span<std::byte> buffer) {
    CONDUIT_ASSERT(!buffer.empty(), "a receive needs room for at least one byte");
    incoming_message message(buffer);
    auto got = co_await handle_.receive(message);
    if (!got) co_return got.error();
    udp_arrival arrival;
    arrival.bytes = *got;
    arrival.truncated = message.truncated;
    arrival.from = message.from;
    co_return arrival;
}

result<socket_address> udp_datagram::local_address() const {
    return current_kernel().local_address(handle_.owned());
}

result<socket_address> udp_datagram::peer_address() const {
    return current_kernel().peer_address(handle_.owned());
}

}  // namespace conduit
