// SPDX-License-Identifier: BSL-1.0
//
// A connection between two processes of one host: bytes in both directions, and what no other
// channel carries: handles, and who the peer is.
//
// To be connected to use unix_listener.hpp; for separate messages unix_datagram.hpp; to reach other
// hosts tcp_stream.hpp.
//
//     auto peer = co_await conduit::unix_stream::connect("/run/x/socket");
//     if (!peer) co_return peer.error();
//     auto sent = co_await conduit::write_all(*peer, conduit::bytes_of("hello"));
//     auto ended = co_await peer->close_writing();
//     auto got = co_await peer->read_some(buffer);

#pragma once

#include <conduit/channels/allowed_users.hpp>
#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/received_handle.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

struct unix_pair;

/// A connected pair in one process, both ends close-on-exec, on the current scheduler. Fails only
/// when the process is out of descriptors.
[[nodiscard]] result<unix_pair> make_unix_pair(handle_policy policy = {});

/// One end of a connection. Destroying it closes the descriptor and ends the connection.
///
/// One operation that reads (read_some, receive, receive_lent) and one that writes (write_some,
/// send) may be in flight at a time; a second one asserts. Buffers and messages must outlive their
/// operation. The stream must stay where it is while receive(), peer_credentials() or peer_gone()
/// is awaited.
///
/// Operations are cancelled through the awaiting task. A cancelled one moved nothing, so going on
/// afterwards leaves no gap.
class unix_stream {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::same_host};

    /// Waits until a listener at `path` has been reached. Where its backlog is full this asks again
    /// after 1 to 50 ms, until the deadline of the task.
    ///
    /// Fails with unix_errc::wrong_peer when who listens is not among `servers`: then somebody else
    /// has the path. Fails with std::errc::connection_refused when nobody listens there any more,
    /// and with unix_errc::abstract_name for such names, which begin with @ or a zero byte.
    static task<result<unix_stream>> connect(std::string path);
    static task<result<unix_stream>> connect(std::string path, allowed_users servers);
    static task<result<unix_stream>> connect(std::string path, allowed_users servers,
                                             handle_policy policy);

    /// Takes over a connected socket from elsewhere, such as one end of a pair that was inherited.
    /// Fails with std::errc::invalid_argument unless it is a connected Unix stream socket.
    [[nodiscard]] static result<unix_stream> adopt(unique_fd fd, handle_policy policy = {});

    /// Waits until at least one byte is there, then yields how many were read; 0 once the peer has
    /// closed, or has ended its writing. `buffer` must not be empty. Handles that come along are
    /// dropped. Fails with std::errc::connection_reset, once, when the peer closed while bytes for
    /// it were unread.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return handle_.read_some(buffer);
    }

    /// Waits until there is room, then yields how many bytes were taken. Each write takes room for
    /// itself besides its bytes: some 278 of one byte fill a socket that otherwise holds 200 KiB,
    /// so gather small ones. Fails with std::errc::broken_pipe once the peer has closed.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return handle_.write_some(bytes);
    }

    /// As read_some(), into memory of the scheduler's; see lent_buffer.hpp. Give what came along to
    /// let_in().
    lent_operation receive_lent() noexcept { return handle_.receive_lent(); }

    /// As write_some(), with handles, of which the peer gets duplicates. They travel with the first
    /// byte, so there must be one (asserted).
    send_operation send(const outgoing_message& message) noexcept;

    /// As read_some(), with the handles that came along. Fails with a unix_errc when they are not
    /// what the policy lets in, or when some were cut off; all are closed then, and so is this
    /// stream.
    task<result<received_message>> receive(std::span<std::byte> buffer);

    /// The handles that came with lent bytes, by the same rules.
    result<std::vector<received_handle>> let_in(ancillary_data& came);

    /// Who connected, or who listened: what that process was at that time. It may since have given
    /// the socket to another process, or have got other rights: what is decided by it is decided
    /// about who connected.
    result<credentials> connected_by() const;

    /// Waits for the first bytes and yields who sent them, as checked by the kernel at that time;
    /// they stay to be read. Afterwards the same at once. On a stream that no listener accepted:
    /// connected_by().
    ///
    /// Ask before the first receive_lent(), which may have taken those bytes already: fails with
    /// std::errc::device_or_resource_busy then. Fails with errc::end_of_stream when none come.
    task<result<credentials>> peer_credentials();

    /// The groups that process is in beside its own. Empty where nobody knows: that is so where
    /// another one than who connected sent the first bytes.
    std::vector<std::uint32_t> peer_groups() const;

    /// Has each message bring its sender along (received_message::sender), rather than only the
    /// first bytes of an accepted stream.
    result<void> credentials_with_each();

    /// A handle on the process that sent the first bytes, once peer_credentials() has told who that
    /// is, or else on the one that connected, or listened: it cannot come to mean another one. Its
    /// number can. Fails with std::errc::no_such_process when it has ended and the kernel cannot
    /// say any more which it was.
    result<unique_fd> peer_process() const;

    /// Waits until the peer has closed, or until that process has ended, which shows before the end
    /// of the stream does. Bytes may still be there to be read. Any number may wait,
    /// beside one that reads.
    task<result<void>> peer_gone();

    /// Ends writing: the peer sees the end of the stream behind what was written, and can go on
    /// sending.
    shutdown_operation close_writing() noexcept {
        return handle_.shutdown(io_handle::direction::writing);
    }

    /// Closes now rather than in the destructor.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while an operation is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    class in_transit;
    /// Leaves this scheduler, to arrive() on another one: unlike a detached descriptor with all
    /// that is known of the peer, and with the policy. Fails as detach() does.
    [[nodiscard]] result<in_transit> depart();
    [[nodiscard]] static result<unix_stream> arrive(in_transit moving);

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    friend class unix_listener;
    friend result<unix_pair> make_unix_pair(handle_policy policy);

    /// Whose credentials the kernel tells: nobody's, those of the first bytes, all.
    enum class telling : std::uint8_t { none, first, each };

    unix_stream(io_handle handle, handle_policy policy, telling credentials) noexcept;

    static result<unix_stream> attach(unique_fd fd, handle_policy policy, telling credentials);
    task<result<credentials>> first_sender();

    io_handle handle_;
    handle_gate gate_;
    telling telling_;
    std::optional<credentials> sender_;  // of the first bytes
    clock::time_point since_;            // connected then, or before
    clock::time_point sender_seen_;      // the same of the first bytes
};

/// A stream on its way from one scheduler to another. Destroying it ends the connection.
class unix_stream::in_transit {
private:
    friend class unix_stream;
    in_transit(unique_fd fd, const unix_stream& from)
        : fd_(std::move(fd)),
          policy_(from.gate_.policy()),
          telling_(from.telling_),
          sender_(from.sender_),
          since_(from.since_),
          sender_seen_(from.sender_seen_) {}

    unique_fd fd_;
    handle_policy policy_;
    telling telling_;
    std::optional<credentials> sender_;
    clock::time_point since_;
    clock::time_point sender_seen_;
};

/// What is written at the one can be read at the other.
struct unix_pair {
    unix_stream first;
    unix_stream second;
};

}  // namespace conduit
