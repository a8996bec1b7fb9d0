// SPDX-License-Identifier: BSL-1.0
//
// Ordinary pipes: a one-way byte stream between tasks, or between a process and its children.
//
// A pipe has no name and no message boundaries. To meet a stranger by name use fifo.hpp or
// unix_stream.hpp; to keep message boundaries use message.hpp on top; to start a program with pipes
// to its standard input and output use process.hpp.
//
//     auto [in, out] = conduit::make_pipe().value();
//     auto sent = co_await conduit::write_all(out, conduit::bytes_of("hello"));
//     out.close();
//     auto got = co_await in.read_some(buffer);   // 5; the next one yields 0, the end of stream

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace conduit {

struct pipe_ends;

/// Creates a pipe, both ends close-on-exec, on the current scheduler. Fails only when the process
/// is out of descriptors.
[[nodiscard]] result<pipe_ends> make_pipe();

/// The reading end of a pipe. Destroying it closes the descriptor.
///
/// One read may be in flight at a time; a second one is a bug in the caller and asserts. The buffer
/// must outlive its operation, for the kernel writes into it.
///
/// Operations are cancelled through the awaiting task. A read reports errc::cancelled only when it
/// took nothing out of the pipe, so reading may go on afterwards without a gap.
class pipe_reader {
public:
    static constexpr channel_traits traits{channel_ways::one_way, channel_duplex::half,
                                           channel_relation::related};

    /// Takes over a descriptor from elsewhere, such as an inherited stdin or what detach() gave on
    /// another scheduler. Leaves its flags alone, since other processes may share them: if it is
    /// not non-blocking each read costs one call more.
    ///
    /// Fails with std::errc::invalid_argument unless `fd` is a pipe or FIFO open for reading.
    [[nodiscard]] static result<pipe_reader> adopt(unique_fd fd);

    /// Waits until at least one byte is there, then yields how many were read.
    ///
    /// Yields 0 once the pipe is empty and its last writer has closed. `buffer` must not be empty:
    /// its 0 could not be told from that one. To insist on a full buffer use read_exact().
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return handle_.read_some(buffer);
    }

    /// As read_some(), into memory of the scheduler's; see lent_buffer.hpp.
    lent_operation receive_lent() noexcept { return handle_.receive_lent(); }

    /// Closes now rather than in the destructor. Writers then get std::errc::broken_pipe.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while a read is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    explicit pipe_reader(io_handle handle) noexcept : handle_(std::move(handle)) {}

    io_handle handle_;
};

/// The writing end of a pipe. Destroying it closes the descriptor. As with the reading end one
/// write may be in flight at a time, bytes must outlive it, and a cancelled one wrote nothing.
class pipe_writer {
public:
    static constexpr channel_traits traits = pipe_reader::traits;

    /// As pipe_reader::adopt(), for a pipe or FIFO open for writing, such as an inherited stdout.
    [[nodiscard]] static result<pipe_writer> adopt(unique_fd fd);

    /// Waits until there is room, then yields how many bytes were taken.
    ///
    /// Up to PIPE_BUF (4096) bytes go as a whole or not at all, and are not mixed with those of
    /// other writers. Fails with std::errc::broken_pipe once there is no reader, without a SIGPIPE.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return handle_.write_some(bytes);
    }

    /// Closes, and waits until the kernel has let go: if no other writer is left, the reader sees
    /// the end of the stream after what was written.
    close_operation close_writing() noexcept { return handle_.close_and_wait(); }

    /// Closes now rather than in the destructor.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// As pipe_reader::detach().
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    explicit pipe_writer(io_handle handle) noexcept : handle_(std::move(handle)) {}

    io_handle handle_;
};

/// What is written at the one can be read at the other.
struct pipe_ends {
    pipe_reader reader;
    pipe_writer writer;
};

}  // namespace conduit
