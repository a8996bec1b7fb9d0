// SPDX-License-Identifier: BSL-1.0
//
// What tcp_stream, tcp_listener and udp_datagram do with a socket before it is attached.
//
//     auto socket = make_ip_socket(address, socket_kind::stream);
//     if (auto set = apply(options, *socket); !set) return set.error();

#pragma once

#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace conduit {

/// A socket of the family of `like`. Fails with std::errc::invalid_argument unless that is an
/// address of IPv4 or IPv6.
result<unique_fd> make_ip_socket(const socket_address& like, socket_kind kind);

/// Whether a listener may be there: std::errc::operation_not_permitted beyond loopback without the
/// word for it, std::errc::invalid_argument unless it is an address of IPv4 or IPv6.
result<void> check_reach(const socket_address& of, bool beyond_loopback);

/// Fails with std::errc::invalid_argument for times that the kernel would not take.
result<void> apply(const tcp_options& options, const unique_fd& socket);

/// Attaches a socket of that kind, and of IPv4 or IPv6; others fail with
/// std::errc::invalid_argument.
result<io_handle> attach_ip_socket(unique_fd fd, socket_kind kind);

/// Addresses in the order in which they are tried: of the two families in turn, that of the first
/// one first, each in the order given (RFC 8305 §4).
std::vector<socket_address> interleaved(const std::vector<socket_address>& addresses);

}  // namespace conduit
