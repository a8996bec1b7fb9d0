// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/socket_address.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

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

// The number behind the % of a link-local address; nothing means none.
std::optional<std::uint32_t> scope_number(std::string_view text) {
    std::uint32_t number = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, number);
    if (error != std::errc() || stopped != end || number == 0) return std::nullopt;
    return number;
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

result<socket_address> socket_address::ip(std::string_view numeric, std::uint16_t port) {
    const std::size_t percent = numeric.find('%');
    const std::string text(numeric.substr(0, percent));
    const auto wrong = std::make_error_code(std::errc::invalid_argument);
    if (text.find('\0') != text.npos) return wrong;
    std::array<std::uint8_t, 4> four{};
    if (percent == numeric.npos && inet_pton(AF_INET, text.c_str(), four.data()) == 1) {
        return ipv4(four, port);
    }
    std::array<std::uint8_t, 16> six{};
    if (inet_pton(AF_INET6, text.c_str(), six.data()) != 1) return wrong;
    if (percent == numeric.npos) return ipv6(six, port);
    const auto scope = scope_number(numeric.substr(percent + 1));
    if (!scope) return wrong;
    return ipv6(six, port, *scope);
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

std::string socket_address::host() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (get_family() == family::ipv4) {
        const auto native = native_copy<sockaddr_in>(bytes_);
        return inet_ntop(AF_INET, &native.sin_addr, text.data(), text.size());
    }
    if (get_family() != family::ipv6) return {};
    const auto native = native_copy<sockaddr_in6>(bytes_);
    std::string host = inet_ntop(AF_INET6, &native.sin6_addr, text.data(), text.size());
    if (native.sin6_scope_id != 0) host += "%" + std::to_string(native.sin6_scope_id);
    return host;
}

bool socket_address::is_loopback() const noexcept {
    if (get_family() == family::ipv4) {
        return ntohl(native_copy<sockaddr_in>(bytes_).sin_addr.s_addr) >> 24U == 127;
    }
    if (get_family() != family::ipv6) return false;
    const in6_addr address = native_copy<sockaddr_in6>(bytes_).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) return address.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&address);
}

std::string_view socket_address::path() const noexcept {
    constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
    if (get_family() != family::unix_path || size_ <= start) return {};
    const char* const text = bytes_.data() + start;
    return {text, ::strnlen(text, size_ - start)};
}

std::string to_string(const socket_address& address) {
    switch (address.get_family()) {
        case socket_address::family::ipv4:
            return address.host() + ":" + std::to_string(address.port());
        case socket_address::family::ipv6:
            return "[" + address.host() + "]:" + std::to_string(address.port());
        case socket_address::family::unix_path:
            if (!address.path().empty()) return std::string(address.path());
            return "unnamed";
        case socket_address::family::none: break;
    }
    return "unnamed";
}

}  // namespace conduit
