// SPDX-License-Identifier: BSL-1.0
//
// Where a socket is, as the kernel takes it: a Unix path, or an IP address and a port. The channels
// layer has the address that people write and read.
//
//     auto here = conduit::socket_address::ipv4_loopback(0);      // any free port
//     auto there = conduit::socket_address::unix_path("/run/x");

#pragma once

#include <conduit/runtime/result.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
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

    /// An IPv4 or IPv6 address in its text form, such as 127.0.0.1, ::1 or fe80::1%2, where the
    /// number behind % is the interface's. Fails with std::errc::invalid_argument for other texts.
    static result<socket_address> ip(std::string_view numeric, std::uint16_t port);

    /// Copies what the kernel wrote. Longer than 128 bytes is cut off.
    static socket_address from_bytes(std::span<const std::byte> bytes) noexcept;

    enum class family { none, unix_path, ipv4, ipv6 };
    family get_family() const noexcept;

    /// The port in host order; 0 where there is none.
    std::uint16_t port() const noexcept;

    /// The address of IPv4 and IPv6 as ip() takes it; empty for others.
    std::string host() const;

    /// Whether it is in 127.0.0.0/8 or ::1, also in ::ffff:127.0.0.0/104.
    bool is_loopback() const noexcept;

    /// The path of a Unix address; empty for others and for unnamed sockets.
    std::string_view path() const noexcept;

    bool operator==(const socket_address& other) const noexcept {
        return std::ranges::equal(bytes(), other.bytes());
    }

    std::span<const std::byte> bytes() const noexcept {
        return std::as_bytes(std::span(bytes_)).first(size_);
    }

private:
    alignas(8) std::array<char, 128> bytes_{};
    std::size_t size_ = 0;
};

/// 127.0.0.1:80, [::1]:80, a path with whatever bytes it has, or "unnamed".
std::string to_string(const socket_address& address);

}  // namespace conduit
