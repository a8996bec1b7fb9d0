// SPDX-License-Identifier: BSL-1.0
//
// From the names of a host and a service to the addresses behind them, without blocking the loop.
// tcp_stream, tcp_listener and udp_datagram call it by themselves where they take names; what
// people write in one piece is parsed by address.hpp.
//
//     auto found = co_await conduit::resolve("localhost", "8080");
//     if (found.error() == conduit::resolve_errc::host_not_found) ...
//     for (const conduit::socket_address& one : found.value()) ...

#pragma once

#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace conduit {

/// Why names have no addresses.
enum class resolve_errc {
    host_not_found = 1,
    service_not_found,
    try_again,  // no server of names answered; it may work later
    failed      // a server of names said that it cannot answer
};

const std::error_category& resolve_category() noexcept;
std::error_code make_error_code(resolve_errc code) noexcept;

/// Which of a service's ports is meant: those of TCP and UDP may differ.
enum class transport : std::uint8_t { tcp, udp };

/// Waits for the addresses of `host` (a name or a number, without brackets) with the port of
/// `service` (a number or a name), the preferred ones first (RFC 6724). At least one.
///
/// Numbers are taken as they are, at once. Names are looked up by getaddrinfo() through Asio, on a
/// thread of the scheduler's pool (blocking.hpp): as the system is configured, so with /etc/hosts
/// and a server of names that may need many seconds. Such a look-up cannot be cancelled. Cancelling
/// the wait abandons it: the task goes on at once, the thread is free when the look-up has ended,
/// and the scheduler's run() returns after that.
///
/// Fails with a resolve_errc, with std::errc::invalid_argument for a zero byte in a name, and in a
/// simulation, which has no names, with std::errc::not_supported.
task<result<std::vector<socket_address>>> resolve(std::string host, std::string service,
                                                  transport over = transport::tcp);

}  // namespace conduit

template <>
struct std::is_error_code_enum<conduit::resolve_errc> : std::true_type {};
