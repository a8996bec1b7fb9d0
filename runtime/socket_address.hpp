// SPDX-License-Identifier: BSL-1.0
//
// Where a socket is, as the kernel takes it: a Unix path, or an IP address and a port. The channels
// layer has the address that people write and read.
//
//     auto here = conduit::socket_address::ipv4_loopback(0);      // any free port
//     auto there = conduit::socket_address::unix_path("/run/x");

#pragma once

#include <conduit/runtime/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace conduit {

/// The bytes of a struct sockaddr, 128 at most. A value.
class socket_address {
public:
    /// No address: what an unbound socket has.
    socket_address() noexcept = default;

    /// Fails with std::errc::filename_too_long beyond 107 bytes and with invalid_argument for an
    /// empty path or one with a zero byte.
    static result<socket_address> unix_path(std::string_view path);

    /// An IPv4 address, first byte first; the port in host order.
    static socket_address ipv4(std::array<std::uint8_t, 4> address, std::uint16_t port) noexcept;
    static socket_address ipv4_loopback(std::uint16_t port) noexcept {
        return ipv4({127, 0, 0, 1}, port);
    }

    /// An IPv6 address, first byte first; the port in host order.
    static socket_address ipv6(const std::array<std::uint8_t, 16>& address, std::uint16_t port,
                               std::uint32_t scope = 0) noexcept;

    /// Copies what the kernel wrote. Longer than 128 bytes is cut off.
    static socket_address from_bytes(std::span<const std::byte> bytes) noexcept;

    enum class family { none, unix_path, ipv4, ipv6 };
    family get_family() const noexcept;

    /// The port in host order; 0 where there is none.
    std::uint16_t port() const noexcept;

    /// The path of a Unix address; empty for others and for unnamed sockets.
    std::string_view path() const noexcept;

    std::span<const std::byte> bytes() const noexcept {
        return std::as_bytes(std::span(bytes_)).first(size_);
    }

private:
    alignas(8) std::array<char, 128> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace conduit
