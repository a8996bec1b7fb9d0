// SPDX-License-Identifier: BSL-1.0
//
// Where TCP connections arrive. The other end is tcp_stream::connect(); for peers on this host
// unix_listener.hpp is faster, and knows who they are.
//
//     auto listener = conduit::tcp_listener::listen(8080).value();        // 127.0.0.1 only
//     while (auto peer = co_await listener.accept()) {
//         scope.spawn(talk(std::move(*peer)));
//     }
//
// Several workers share a port when each of them listens on it by itself; the kernel deals the
// connections out:
//
//     auto options = conduit::tcp_listen_options().reuse_port();

#pragma once

#include <conduit/channels/accept_counters.hpp>
#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace conduit {

/// How a listener behaves. Each setter returns the options, to be chained.
class tcp_listen_options {
public:
    /// Lets hosts other than this one connect. Without this word only loopback addresses are
    /// listened on: whoever can reach the port can connect, and reads and writes in the clear.
    tcp_listen_options& beyond_loopback(bool wanted = true) noexcept {
        return set(beyond_loopback_, wanted);
    }

    /// Lets others that say so too, under the same user, listen on the same port (SO_REUSEPORT).
    /// Connections that wait in the backlog of one that closes are lost.
    tcp_listen_options& reuse_port(bool wanted = true) noexcept { return set(reuse_port_, wanted); }

    /// Keeps IPv4 out of a listener on [::]. Without it such a listener takes both families, and
    /// IPv4 peers have addresses like ::ffff:192.0.2.1, whatever the system's setting is.
    tcp_listen_options& v6_only(bool wanted = true) noexcept { return set(v6_only_, wanted); }

    /// How many connections may wait to be accepted; the system's somaxconn bounds it. 1024 unless
    /// set. Beyond that the kernel lets clients try again, for seconds.
    tcp_listen_options& backlog_max(int n) noexcept { return set(backlog_max_, n); }

    /// What accepted connections are made with.
    tcp_listen_options& streams(const tcp_options& options) noexcept {
        return set(streams_, options);
    }

    bool beyond_loopback() const noexcept { return beyond_loopback_; }
    bool reuse_port() const noexcept { return reuse_port_; }
    bool v6_only() const noexcept { return v6_only_; }
    int backlog_max() const noexcept { return backlog_max_; }
    const tcp_options& streams() const noexcept { return streams_; }

private:
    template <class T>
    tcp_listen_options& set(T& field, T value) noexcept {
        field = value;
        return *this;
    }

    bool beyond_loopback_ = false;
    bool reuse_port_ = false;
    bool v6_only_ = false;
    int backlog_max_ = 1024;
    tcp_options streams_;
};

/// A socket that listens. Destroying it closes it; connections that nobody accepted are reset.
///
/// One accept may be in flight at a time; a second one asserts. The listener stays where it is
/// while one is.
///
/// Cancelling an accept loses no connection. Destroying it where it waits may lose one that the
/// kernel had handed out by then, and its peer reads the end of the stream.
class tcp_listener {
public:
    static constexpr channel_traits traits = tcp_stream::traits;

    /// Listens on 127.0.0.1. Port 0 lets the kernel choose one: see local_address(). A port whose
    /// last connections are still closing can be taken again at once (SO_REUSEADDR).
    ///
    /// Fails with std::errc::address_in_use, address_not_available, permission_denied (ports below
    /// 1024).
    [[nodiscard]] static result<tcp_listener> listen(std::uint16_t port,
                                                     const tcp_listen_options& options = {});

    /// The same on any address. Fails with std::errc::operation_not_permitted beyond loopback,
    /// unless the options say beyond_loopback().
    [[nodiscard]] static result<tcp_listener> listen(const socket_address& address,
                                                     const tcp_listen_options& options = {});

    /// Looks up a name first (resolver.hpp). A listener has one address: where a name has several,
    /// the preferred one, which for "localhost" may be ::1 or 127.0.0.1.
    [[nodiscard]] static task<result<tcp_listener>> listen(std::string host, std::string service,
                                                           tcp_listen_options options = {});

    /// Takes over a listening socket from elsewhere, with its options as they are. Fails with
    /// std::errc::invalid_argument unless it is a stream socket of IPv4 or IPv6.
    [[nodiscard]] static result<tcp_listener> adopt(unique_fd fd);

    /// Waits for a connection. Where the process or the system is out of descriptors or memory it
    /// goes on waiting, in pauses, and says so once in the log; connections stay in the backlog. A
    /// peer that gave up while it waited there is passed over, or shows as
    /// std::errc::connection_reset in the first read.
    ///
    /// Fails when stopped, and with errc::cancelled when the listener is closed under it.
    task<result<tcp_stream>> accept();

    /// Where it listens, with the port that the kernel chose.
    result<socket_address> local_address() const;

    const accept_counters& counters() const noexcept { return counters_; }

    /// Closes now rather than in the destructor. The kernel may let clients in for a moment longer;
    /// handle().close_and_wait() waits until it does not.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the socket back. Fails with std::errc::device_or_resource_busy while an accept is in
    /// flight, or where the kernel has accepted ahead: accept that first.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    explicit tcp_listener(io_handle handle) noexcept : handle_(std::move(handle)) {}

    io_handle handle_;
    accept_counters counters_;
};

}  // namespace conduit
