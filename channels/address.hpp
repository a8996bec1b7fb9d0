// SPDX-License-Identifier: BSL-1.0
//
// Where a channel leads, as people write it on a command line or in a configuration: one value that
// parses and prints. What the kernel takes is runtime/socket_address.hpp; to get there from a host
// name use resolver.hpp.
//
//     std::string why;
//     auto where = conduit::address::parse("tcp:localhost:8080", &why);
//     if (!where) return complain(why);   // "address 'tcp:x:99999', byte 6: a port is at most ..."
//     log(to_string(*where));             // parses to an equal one
//
// The forms are
//
//     unix:/run/x            a Unix socket; the path may be relative and holds any byte but zero
//     tcp:host:port          a name, 127.0.0.1 or [::1]; a number or the name of a service
//     udp:host:port          the same for datagrams
//     fifo:/run/x            a FIFO, or the pair of duplex_fifo
//     exec:prog args         a program, whose standard input and output are the channel; no shell
//     stdio:                 standard input and output of this process
//
// The words after exec: are split at blanks (space, tab, newline). Within '...' every byte stands
// for itself; within "..." a backslash makes the next byte ordinary; outside of both it does so
// too. Nothing else is special: no $, *, |, >, ~ or #. An empty word is written ''.

#pragma once

#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit {

enum class address_kind : std::uint8_t { unix_socket, tcp, udp, fifo, exec, stdio };

/// A value: copied, compared, hashed. It is well-formed; whether anything is there shows when it is
/// used.
///
/// All that make one fail with std::errc::invalid_argument, and then put one line into `*why`,
/// where given, that says what is wrong, at which byte of the text, and what the limit is. The text
/// itself is in it with everything escaped that could harm a terminal or a log.
class address {
public:
    static constexpr std::size_t path_bytes_max = 4095;     // PATH_MAX with its zero byte
    static constexpr std::size_t host_bytes_max = 253;      // RFC 1035 §2.3.4, as text
    static constexpr std::size_t service_bytes_max = 31;    // NI_MAXSERV with its zero byte
    static constexpr std::size_t exec_bytes_max = 131'071;  // MAX_ARG_STRLEN with its zero byte
    static constexpr std::size_t exec_words_max = 4096;

    [[nodiscard]] static result<address> parse(std::string_view text, std::string* why = nullptr);

    // The same from parts, to be checked in the same way.
    [[nodiscard]] static result<address> unix_socket(std::string_view path,
                                                     std::string* why = nullptr);
    [[nodiscard]] static result<address> fifo(std::string_view path, std::string* why = nullptr);
    /// An IPv6 address stands without brackets here.
    [[nodiscard]] static result<address> tcp(std::string_view host, std::string_view service,
                                             std::string* why = nullptr);
    [[nodiscard]] static result<address> udp(std::string_view host, std::string_view service,
                                             std::string* why = nullptr);
    /// The program and its arguments.
    [[nodiscard]] static result<address> exec(std::vector<std::string> words,
                                              std::string* why = nullptr);
    static address stdio() { return address(address_kind::stdio); }

    address_kind kind() const noexcept { return kind_; }

    /// Of unix: and fifo:, otherwise empty.
    const std::string& path() const noexcept { return path_; }
    /// Of tcp: and udp:, otherwise empty: a name in small letters, or a number without brackets.
    const std::string& host() const noexcept { return host_; }
    /// Of tcp: and udp:, otherwise empty: a port from 0 to 65535 or the name of a service.
    const std::string& service() const noexcept { return service_; }
    /// Of exec:, otherwise empty: the program first.
    const std::vector<std::string>& words() const noexcept { return words_; }

    bool operator==(const address&) const = default;

private:
    class parser;
    explicit address(address_kind kind) noexcept : kind_(kind) {}
    static result<address> from_host(address_kind kind, std::string_view host,
                                     std::string_view service, std::string* why);
    void set_host(std::string_view host);

    address_kind kind_;
    std::string path_;
    std::string host_;
    std::string service_;
    std::vector<std::string> words_;
};

/// What address::parse() takes. Unlike in a message nothing is escaped: a path may hold any byte.
std::string to_string(const address& from);

}  // namespace conduit

template <>
struct std::hash<conduit::address> {
    std::size_t operator()(const conduit::address& from) const {
        return std::hash<std::string>()(to_string(from));
    }
};
