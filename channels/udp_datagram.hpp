// SPDX-License-Identifier: BSL-1.0
//
// Messages by UDP: each arrives whole, or not at all, or twice, in any order, from anybody. For
// bytes that all arrive use tcp_stream.hpp; on one host unix_datagram.hpp loses nothing.
//
//     auto here = conduit::udp_datagram::bind(0).value();                 // 127.0.0.1, any port
//     auto sent = co_await here.send_to(conduit::bytes_of("time?"), server);
//     auto got = co_await conduit::within(1s, here.receive_from(buffer)); // ask again if it fails
//     if (got && got->from == server) use(buffer, got->bytes);

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace conduit {

/// How a socket for datagrams behaves. Each setter returns the options, to be chained.
class udp_options {
public:
    /// Lets hosts other than this one send here. Without this word bind() takes loopback addresses
    /// only. connect() needs none: it takes messages from its one peer.
    udp_options& beyond_loopback(bool wanted = true) noexcept {
        beyond_loopback_ = wanted;
        return *this;
    }
    /// Lets others that say so too, under the same user, bind the same port (SO_REUSEPORT); the
    /// kernel deals the messages out by their sender.
    udp_options& reuse_port(bool wanted = true) noexcept {
        reuse_port_ = wanted;
        return *this;
    }

    bool beyond_loopback() const noexcept { return beyond_loopback_; }
    bool reuse_port() const noexcept { return reuse_port_; }

private:
    bool beyond_loopback_ = false;
    bool reuse_port_ = false;
};

/// What has arrived in the buffer.
struct udp_arrival {
    std::size_t bytes = 0;   // 0 is a message, too
    bool truncated = false;  // it was longer than the buffer, and the rest is lost
    socket_address from;     // what the sender claims
};

/// A socket for datagrams. Destroying it closes it.
///
/// One receive and one send may be in flight at a time; a second of either asserts. Buffers must
/// outlive their operation, and the socket stays where it is meanwhile. There is no end of a stream
/// here, so nothing like close_writing().
///
/// A cancelled receive took no message. One that is destroyed where it waits may lose one, as UDP
/// itself may. What arrives while nobody receives waits in the kernel's buffer, about 200 KiB;
/// what arrives beyond that is lost without a word.
///
/// A connected socket hears of it when its peer's host refuses its messages: the next send or
/// receive then fails once with std::errc::connection_refused (or host_unreachable, ...), and the
/// socket is as good as before. A socket that is only bound never hears of it.
class udp_datagram {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::any_host};

    /// What one message may carry over IPv4; a longer one fails with std::errc::message_size, and
    /// so does one above the path's limit where fragments are not allowed.
    static constexpr std::size_t payload_bytes_max = 65'507;

    /// Binds to 127.0.0.1. Port 0 lets the kernel choose one: see local_address(). Fails with
    /// std::errc::address_in_use, permission_denied (ports below 1024).
    [[nodiscard]] static result<udp_datagram> bind(std::uint16_t port,
                                                   const udp_options& options = {});

    /// The same on any address. Fails with std::errc::operation_not_permitted beyond loopback,
    /// unless the options say beyond_loopback().
    [[nodiscard]] static result<udp_datagram> bind(const socket_address& address,
                                                   const udp_options& options = {});

    /// Binds to any free port, and to one peer: send() goes there, and only what comes from there
    /// is received. Sends nothing, so it does not tell whether anybody is there.
    [[nodiscard]] static task<result<udp_datagram>> connect(socket_address peer);

    /// Looks up a name first (resolver.hpp) and takes the preferred address.
    [[nodiscard]] static task<result<udp_datagram>> connect(std::string host, std::string service);

    /// Takes over a socket from elsewhere. Fails with std::errc::invalid_argument unless it is a
    /// datagram socket of IPv4 or IPv6.
    [[nodiscard]] static result<udp_datagram> adopt(unique_fd fd);

    /// Waits until the message is on its way, as a whole. `bytes` must outlive the task.
    task<result<void>> send_to(std::span<const std::byte> bytes, socket_address to);

    /// The same to the connected peer; std::errc::destination_address_required without one.
    task<result<void>> send(std::span<const std::byte> bytes);

    /// Waits for a message and yields what came, from whom, and whether it fitted. `buffer` must
    /// outlive the task, and must not be empty.
    task<result<udp_arrival>> receive_from(std::span<std::byte> buffer);

    /// As receive_from(), into memory of the scheduler's and without the sender, for connected
    /// sockets; see lent_buffer.hpp. A message longer than its buffer is cut, and says so in
    /// ancillary()->truncated.
    lent_operation receive_lent() noexcept { return handle_.receive_lent(); }

    /// Closes now rather than in the destructor.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// This end's address, with the port that the kernel chose.
    result<socket_address> local_address() const;
    /// The connected peer's; fails with std::errc::not_connected without one.
    result<socket_address> peer_address() const;

    /// Gives the socket back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while an operation is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    explicit udp_datagram(io_handle handle) noexcept : handle_(std::move(handle)) {}

    io_handle handle_;
};

}  // namespace conduit
