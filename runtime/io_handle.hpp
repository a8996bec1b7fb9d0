// SPDX-License-Identifier: BSL-1.0
//
// A handle attached to a scheduler, with every operation the kernel has for it and no opinion about
// what it is. The channels layer puts types on it: there a pipe_reader has no write.
//
//     auto handle = conduit::io_handle::attach(std::move(fd)).value();
//     auto got = co_await handle.read_some(buffer);

#pragma once

#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace conduit {

/// Owns a handle on behalf of the scheduler it was attached on; any other use across schedulers
/// asserts, and so does attaching on a thread that runs none.
///
/// One operation that takes (read, receive, accept, wait, readable, hung_up) and one that gives
/// (write, send, connect, writable) may be in flight at a time; a second one asserts. Buffers,
/// messages and addresses must outlive their operation. The handle may be moved at any time.
///
/// A cancelled operation has moved nothing, so going on afterwards leaves no gap. An operation
/// destroyed with its task is taken back at once; bytes that had arrived for it may be lost.
///
/// On a closed handle every operation fails with std::errc::bad_file_descriptor.
class io_handle {
public:
    io_handle() noexcept = default;
    io_handle(io_handle&& other) noexcept
        : registration_(std::exchange(other.registration_, nullptr)) {}
    io_handle& operator=(io_handle&& other) noexcept {
        std::swap(registration_, other.registration_);
        return *this;
    }
    ~io_handle() {
        close();
        forget();
    }

    /// Attaches to the current scheduler. Sockets and pipes should be non-blocking: those that are
    /// not are asked before each transfer, which costs a call. Their flags are left alone, since
    /// other processes may share them. Fails with what the kernel says about the handle.
    [[nodiscard]] static result<io_handle> attach(unique_fd handle);

    /// Gives the handle back, to be attached elsewhere. Fails with
    /// std::errc::device_or_resource_busy while an operation is in flight, or where the kernel has
    /// received (receive_lent) or accepted (accept_many) ahead: take that first.
    [[nodiscard]] result<unique_fd> detach();

    bool is_open() const noexcept;
    explicit operator bool() const noexcept { return is_open(); }

    /// The file descriptor, as unique_fd::native().
    result<int> native() const;

    /// What is attached, to ask the kernel about it; empty when closed. It belongs to this.
    const unique_fd& owned() const noexcept;

    /// Waits for at least one byte; yields how many came, or 0 at the end of the stream. `buffer`
    /// must not be empty.
    read_operation read_some(std::span<std::byte> buffer) noexcept;

    /// Waits until there is room; yields how many bytes were taken, at least one. Never raises
    /// SIGPIPE: without a reader it fails with std::errc::broken_pipe.
    write_operation write_some(std::span<const std::byte> bytes) noexcept;

    /// As write_some(), with handles, credentials or a destination. Where the destination is what
    /// has no room, says std::errc::resource_unavailable_try_again at once.
    send_operation send(const outgoing_message& message) noexcept;

    /// As read_some(), with the handles and credentials that came along.
    receive_operation receive(incoming_message& message) noexcept;

    /// As read_some(), into a buffer of the scheduler's. The kernel goes on receiving between two
    /// calls where it can. At most 4 buffers per turn, so that others get theirs. Cancelling the
    /// wait loses nothing; closing the handle loses what had arrived. Of datagrams it tells no
    /// sender: do not mix it with receive() there.
    lent_operation receive_lent() noexcept { return lent_operation(registration_); }

    /// Waits for a connection. The new handle is non-blocking and close-on-exec.
    accept_operation accept() noexcept { return {io_code::accept, registration_, nullptr, 0}; }

    /// As accept(); the kernel goes on accepting between two calls where it can, until some 16 wait
    /// here besides the backlog. Closing the handle closes connections that had arrived.
    accept_operation accept_many() noexcept {
        return {io_code::accept_many, registration_, nullptr, 0};
    }

    /// Waits until the socket is connected to `address`. A Unix listener with a full backlog says
    /// std::errc::resource_unavailable_try_again at once; a socket that is not non-blocking is
    /// refused with std::errc::operation_not_supported.
    connect_operation connect(const socket_address& address) noexcept {
        return {io_code::connect, registration_, &address, 0};
    }

    /// Waits until a read, or a write, would not wait.
    poll_operation readable() noexcept {
        return {io_code::poll_readable, registration_, nullptr, 0};
    }
    poll_operation writable() noexcept {
        return {io_code::poll_writable, registration_, nullptr, 0};
    }

    /// Waits until the other side has closed, or has ended both directions; bytes that are there to
    /// be read do not end this wait. To read meanwhile, wait on a duplicate of the handle.
    poll_operation hung_up() noexcept { return {io_code::poll_hang_up, registration_, nullptr, 0}; }

    /// Waits for the process that this handle refers to (kernel::open_process). Yields how it
    /// ended if it is a child; otherwise fails with std::errc::no_child_process once it has ended.
    exit_operation wait_process() noexcept { return exit_operation(registration_); }

    /// Moves up to `bytes` to another handle inside the kernel; one of the two must be a pipe.
    /// Yields how many were moved, or 0 at the end of the stream.
    splice_operation splice_to(io_handle& to, std::size_t bytes) noexcept;

    enum class direction { reading, writing, both };
    /// Ends one or both directions of a socket. The peer of a writer sees the end of the stream.
    shutdown_operation shutdown(direction which) noexcept {
        return {io_code::shutdown, registration_, nullptr, static_cast<std::size_t>(which)};
    }

    /// Closes and returns at once: operations in flight complete with errc::cancelled, a socket's
    /// peer hears of it at once, and the descriptor closes after its last completion. A connection
    /// that another process goes on using leaves through detach() instead.
    void close() noexcept;

    /// Closes, and waits until the kernel has let go of the descriptor; a stop request does not
    /// keep it from that.
    close_operation close_and_wait() noexcept {
        return {io_code::close, registration_, nullptr, 0};
    }

private:
    explicit io_handle(registration& made) noexcept : registration_(&made) {}
    void forget() noexcept;

    registration* registration_ = nullptr;
};

/// Opens a file. `path` must end in a zero byte and outlive the operation. open_mode::write_new
/// creates or empties it, open_mode::append creates it if needed; the mode is 0600.
open_operation open_file(const char* path, open_mode mode) noexcept;

}  // namespace conduit
