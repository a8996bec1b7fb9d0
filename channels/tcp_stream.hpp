// SPDX-License-Identifier: BSL-1.0
//
// A TCP connection: a two-way byte stream between any two hosts. Nothing on it is secret and nobody
// is who he says: that is TLS's work. On one host unix_stream.hpp is faster and knows its peer; to
// keep message boundaries use message.hpp on top.
//
//     auto server = co_await conduit::tcp_stream::connect("localhost", "8080");
//     if (!server) co_return server.error();
//     auto sent = co_await conduit::write_all(*server, conduit::bytes_of("hello"));
//     auto closed = co_await server->close_writing();    // the server reads the end of the stream
//     auto got = co_await server->read_some(buffer);     // and may go on answering

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// How a connection behaves. Each setter returns the options, to be chained.
class tcp_options {
public:
    /// Sends small writes at once rather than collecting them while others are under way
    /// (TCP_NODELAY). On unless set otherwise.
    tcp_options& no_delay(bool wanted) noexcept { return set(no_delay_, wanted); }

    /// Asks a silent peer for a sign of life: first after `idle`, then every `interval`, and gives
    /// the connection up with std::errc::timed_out after `probes` without an answer. Without it, a
    /// peer whose host has vanished is never missed by one who only reads. Off unless set.
    tcp_options& keep_alive(std::chrono::seconds idle,
                            std::chrono::seconds interval = std::chrono::seconds(10),
                            int probes = 3) noexcept {
        keep_alive_interval_ = interval;
        keep_alive_probes_ = probes;
        return set(keep_alive_idle_, idle);
    }

    /// Gives the connection up with std::errc::timed_out when what was sent is not acknowledged for
    /// that long (TCP_USER_TIMEOUT, RFC 5482), and decides over keep-alive's number of probes as
    /// well. The kernel's own patience is about 15 minutes.
    tcp_options& user_timeout(std::chrono::milliseconds limit) noexcept {
        return set(user_timeout_, limit);
    }

    /// How long connecting may take, looking up names and trying all addresses included; 10 seconds
    /// unless set. A nearer deadline of the awaiting task counts as well.
    tcp_options& connect_timeout(clock::duration limit) noexcept {
        return set(connect_timeout_, limit);
    }

    /// How long one address is tried alone before the next one is tried beside it (RFC 8305 §5);
    /// 250 milliseconds unless set.
    tcp_options& attempt_delay(clock::duration delay) noexcept {
        return set(attempt_delay_, delay);
    }

    bool no_delay() const noexcept { return no_delay_; }
    std::chrono::seconds keep_alive_idle() const noexcept { return keep_alive_idle_; }  // 0: off
    std::chrono::seconds keep_alive_interval() const noexcept { return keep_alive_interval_; }
    int keep_alive_probes() const noexcept { return keep_alive_probes_; }
    std::chrono::milliseconds user_timeout() const noexcept { return user_timeout_; }  // 0: off
    clock::duration connect_timeout() const noexcept { return connect_timeout_; }
    clock::duration attempt_delay() const noexcept { return attempt_delay_; }

private:
    template <class T>
    tcp_options& set(T& field, T value) noexcept {
        field = value;
        return *this;
    }

    bool no_delay_ = true;
    int keep_alive_probes_ = 3;
    std::chrono::seconds keep_alive_idle_{0};
    std::chrono::seconds keep_alive_interval_{10};
    std::chrono::milliseconds user_timeout_{0};
    clock::duration connect_timeout_ = std::chrono::seconds(10);
    clock::duration attempt_delay_ = std::chrono::milliseconds(250);
};

/// One end of a connection. Destroying it closes both directions.
///
/// One read and one write may be in flight at a time, of two tasks or one; a second of either is a
/// bug in the caller and asserts. Buffers must outlive their operation.
///
/// Operations are cancelled through the awaiting task. One that reports errc::cancelled moved
/// nothing, so going on leaves no gap.
///
/// A peer that resets the connection, or is gone, shows as std::errc::connection_reset in a read,
/// behind the bytes that had arrived; in a write as that or as std::errc::broken_pipe. One that
/// falls silent shows as std::errc::timed_out where the options set a limit. The deadline of a task
/// compares equal to that, but is conduit's own errc::timed_out and leaves the connection alone.
class tcp_stream {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::any_host};

    /// Waits for a connection to a host by name or number (resolver.hpp). Its addresses are tried
    /// as RFC 8305 has it: IPv6 and IPv4 in turn, each with a head start; the first one that
    /// connects is kept, the others are closed.
    ///
    /// Fails with a resolve_errc, with errc::timed_out after options.connect_timeout(), otherwise
    /// with what the last address failed with: std::errc::connection_refused where nobody listens,
    /// host_unreachable, network_unreachable, address_not_available when this host is out of ports.
    [[nodiscard]] static task<result<tcp_stream>> connect(std::string host, std::string service,
                                                          tcp_options options = {});

    /// The same for addresses that are known, in their order of preference; at least one.
    [[nodiscard]] static task<result<tcp_stream>> connect(std::vector<socket_address> addresses,
                                                          tcp_options options = {});
    [[nodiscard]] static task<result<tcp_stream>> connect(socket_address address,
                                                          tcp_options options = {});

    /// Takes over a connected socket from elsewhere. Its options are left alone. Fails with
    /// std::errc::invalid_argument unless it is a stream socket of IPv4 or IPv6, and with
    /// std::errc::not_connected for one that is not connected.
    [[nodiscard]] static result<tcp_stream> adopt(unique_fd fd);

    /// Waits until at least one byte is there, then yields how many were read; 0 once the peer has
    /// ended its direction. `buffer` must not be empty.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return handle_.read_some(buffer);
    }

    /// As read_some(), into memory of the scheduler's; see lent_buffer.hpp.
    lent_operation receive_lent() noexcept { return handle_.receive_lent(); }

    /// Waits until there is room, then yields how many bytes were taken. That says nothing about
    /// their arrival.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return handle_.write_some(bytes);
    }

    /// Ends this direction: the peer reads the end of the stream behind what was written.
    shutdown_operation close_writing() noexcept {
        return handle_.shutdown(io_handle::direction::writing);
    }

    /// Closes both directions now rather than in the destructor. Bytes that were not read make it a
    /// reset for the peer.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// This end's address, as the kernel has it.
    result<socket_address> local_address() const;
    /// The other end's. Fails with std::errc::not_connected once the connection is lost.
    result<socket_address> peer_address() const;

    /// Gives the socket back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while an operation is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    friend class tcp_listener;
    explicit tcp_stream(io_handle handle) noexcept : handle_(std::move(handle)) {}

    io_handle handle_;
};

}  // namespace conduit
