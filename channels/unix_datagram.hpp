// SPDX-License-Identifier: BSL-1.0
//
// Messages between processes of one host: each arrives whole, in order and once, or not at all. No
// connection, so no end: a peer that is gone shows when something is sent to it.
//
// For a stream of bytes use unix_stream.hpp; for other hosts udp_datagram.hpp.
//
//     auto here = conduit::unix_datagram::bind("/run/x/log");
//     auto message = co_await here->receive(buffer);
//     use(buffer, message->bytes, message->from);

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/received_handle.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

class bound_path;

/// How a datagram socket is bound. Each setter returns the options, to be chained.
class unix_datagram_options {
public:
    unix_datagram_options() = default;

    /// The permissions of the socket's file, whatever the umask; 0600 unless set. Whoever may write
    /// to it may send.
    unix_datagram_options& mode(unsigned bits) noexcept {
        mode_ = bits;
        return *this;
    }
    unix_datagram_options& handles(handle_policy policy) noexcept {
        handles_ = policy;
        return *this;
    }
    /// Has each message bring its sender's credentials along.
    unix_datagram_options& credentials_with_each() noexcept {
        credentials_with_each_ = true;
        return *this;
    }
    /// Does not look at who may change the folders above the socket.
    unix_datagram_options& trust_folders() noexcept {
        trusts_folders_ = true;
        return *this;
    }

    unsigned mode() const noexcept { return mode_; }
    const handle_policy& handles() const noexcept { return handles_; }
    bool wants_credentials() const noexcept { return credentials_with_each_; }
    bool trusts_folders() const noexcept { return trusts_folders_; }

private:
    unsigned mode_ = 0600;
    handle_policy handles_;
    bool credentials_with_each_ = false;
    bool trusts_folders_ = false;
};

/// One message that arrived.
struct received_datagram : received_message {
    std::string from;        // the path that its sender is bound to; empty for none
    bool truncated = false;  // the buffer was too small for its bytes, which are lost
};

/// A datagram socket. Destroying it closes the descriptor and removes the file it was bound to, if
/// that is still this one's.
///
/// One receive and one send may be in flight at a time; a second one asserts. Buffers and messages
/// must outlive their operation, and the socket must stay where it is meanwhile. Cancelled
/// operations moved nothing.
///
/// A message has at most as many bytes as the sender's buffer has room for: 212,960 by default,
/// beyond which sending fails with std::errc::message_size. A message may have no bytes. The kernel
/// keeps some 10 messages for a receiver that does not take them (net.unix.max_dgram_qlen).
class unix_datagram {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::same_host};

    /// Without a name: it can send, and be answered by nobody unless connected to.
    [[nodiscard]] static result<unix_datagram> make(const unix_datagram_options& options = {});

    /// At a path of any length, in place of a file that a crashed process left. Fails as
    /// unix_listener::listen() does. The receiver sees the path as it is given here, unless it has
    /// more than 107 bytes.
    [[nodiscard]] static result<unix_datagram> bind(const std::string& path,
                                                    const unix_datagram_options& options = {});

    /// Takes over a datagram socket from elsewhere. Fails with std::errc::invalid_argument unless
    /// it is a Unix one.
    [[nodiscard]] static result<unix_datagram> adopt(unique_fd fd,
                                                     const unix_datagram_options& options = {});

    unix_datagram(unix_datagram&& other) noexcept;
    unix_datagram& operator=(unix_datagram&& other) noexcept;
    ~unix_datagram();

    /// From now on send() goes to whoever is bound to `path`, and only that one is received from.
    task<result<void>> connect(std::string path);

    /// Waits until the receiver has room, then sends one message to it. Fails with
    /// std::errc::connection_refused when it is gone, and with not_connected without a connect().
    send_operation send(const outgoing_message& message) noexcept { return handle_.send(message); }

    /// As send(), to whoever is bound to `path`. Of room there the kernel does not tell: this asks
    /// again after 1 to 50 ms, until the deadline of the task.
    task<result<std::size_t>> send_to(std::string path, std::span<const std::byte> bytes);

    /// Waits for one message. What does not fit into the buffer is lost, and said so. Handles that
    /// the policy does not let in are closed with the message's others, and the message is lost:
    /// fails with a unix_errc; the socket goes on.
    task<result<received_datagram>> receive(std::span<std::byte> buffer);

    /// Ends sending.
    shutdown_operation close_writing() noexcept {
        return handle_.shutdown(io_handle::direction::writing);
    }

    /// Closes now rather than in the destructor.
    void close() noexcept;

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere, and leaves the file where it is. Fails
    /// with std::errc::device_or_resource_busy while an operation is in flight.
    [[nodiscard]] result<unique_fd> detach();

    /// The path given to bind(); empty for none.
    const std::string& path() const noexcept;

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    unix_datagram(io_handle handle, bound_path bound, handle_policy policy);

    static result<unix_datagram> attach(unique_fd fd, bound_path bound,
                                        const unix_datagram_options& options);

    std::unique_ptr<bound_path> bound_;
    io_handle handle_;
    handle_gate gate_;
};

}  // namespace conduit
