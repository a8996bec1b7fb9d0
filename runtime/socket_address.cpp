// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/socket_address.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace conduit {
namespace {

template <class Native>
Native native_copy(const std::array<char, 128>& bytes) noexcept {
    Native native{};
    std::memcpy(&native, bytes.data(), sizeof native);
    return native;
}

template <class Native>
socket_address from_native(const Native& native) noexcept {
    return socket_address::from_bytes(std::as_bytes(std::span(&native, 1)));
}

}  // namespace

result<socket_address> socket_address::unix_path(std::string_view path) {
    sockaddr_un native{};
    if (path.size() >= sizeof native.sun_path) {
        return std::make_error_code(std::errc::filename_too_long);
    }
    if (path.empty() || path.find('\0') != path.npos) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    native.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), native.sun_path);
    return from_native(native);
}

socket_address socket_address::ipv4(std::array<std::uint8_t, 4> address,
                                    std::uint16_t port) noexcept {
    sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = htons(port);
    std::memcpy(&native.sin_addr, address.data(), address.size());
    return from_native(native);
}

socket_address socket_address::ipv6(const std::array<std::uint8_t, 16>& address, std::uint16_t port,
                                    std::uint32_t scope) noexcept {
    sockaddr_in6 native{};
    native.sin6_family = AF_INET6;
    native.sin6_port = htons(port);
    native.sin6_scope_id = scope;
    std::memcpy(&native.sin6_addr, address.data(), address.size());
    return from_native(native);
}

socket_address socket_address::from_bytes(std::span<const std::byte> bytes) noexcept {
    socket_address made;
    made.size_ = std::min(bytes.size(), made.bytes_.size());
    std::memcpy(made.bytes_.data(), bytes.data(), made.size_);
    return made;
}

socket_address::family socket_address::get_family() const noexcept {
    if (size_ < sizeof(sa_family_t)) return family::none;
    switch (native_copy<sockaddr>(bytes_).sa_family) {
        case AF_UNIX: return family::unix_path;
        case AF_INET: return family::ipv4;
        case AF_INET6: return family::ipv6;
        default: return family::none;
    }
}

std::uint16_t socket_address::port() const noexcept {
    switch (get_family()) {
        case family::ipv4: return ntohs(native_copy<sockaddr_in>(bytes_).sin_port);
        case family::ipv6: return ntohs(native_copy<sockaddr_in6>(bytes_).sin6_port);
        default: return 0;
    }
}

std::string_view socket_address::path() const noexcept {
    constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
    if (get_family() != family::unix_path || size_ <= start) return {};
    const char* const text = bytes_.data() + start;
    return {text, ::strnlen(text, size_ - start)};
}

}  // namespace conduit
