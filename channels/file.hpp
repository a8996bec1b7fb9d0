// SPDX-License-Identifier: BSL-1.0
//
// Files, read or written from one end to the other, and whatever stands where a program expects its
// standard input and output: a file, a terminal, a pipe, a socket, /dev/null.
//
//     std::string why;
//     auto in = co_await conduit::file_reader::open("/etc/hosts", &why);
//     if (!in) return complain(why);      // "cannot open '/etc/hosts': Permission denied"
//     auto out = conduit::standard_output().value();
//     auto bytes = co_await conduit::copy(*in, out);
//
// For a pipe that is known to be one use pipe.hpp; for a FIFO, which is opened with its partner,
// fifo.hpp.

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace conduit {

/// Reads a file from its position on. Destroying it closes the descriptor.
///
/// One read at a time; a second one is a bug in the caller. The buffer must outlive it.
///
/// No read blocks the scheduler's thread. What of a file is in memory is read at once; for the rest
/// io_uring waits, or on epoll a thread of the pool (runtime/blocking.hpp), whose read cannot be
/// taken back: cancelled then, it waits for it and yields what it read. A cancelled read took
/// nothing; one that is destroyed may have taken something that nobody sees.
class file_reader {
public:
    static constexpr channel_traits traits{channel_ways::one_way, channel_duplex::half,
                                           channel_relation::same_host};
    static constexpr bool moves_in_kernel = false;  // a splice would wait for the disk

    /// Opens a file or device. A FIFO is refused with std::errc::invalid_argument, a folder with
    /// std::errc::is_a_directory. Where it fails `*why`, if given, says what with which path; it
    /// must outlive the task.
    static task<result<file_reader>> open(std::string path, std::string* why = nullptr);

    /// Takes over any readable descriptor from elsewhere. Its flags are left alone, since other
    /// processes may share them: one that is not non-blocking is asked before each read, which
    /// costs a call. Fails with std::errc::invalid_argument unless it is open for reading.
    [[nodiscard]] static result<file_reader> adopt(unique_fd fd);

    /// Yields how many bytes were read, 0 at the end; a file that grows can be read on then.
    /// `buffer` must not be empty.
    task<result<std::size_t>> read_some(std::span<std::byte> buffer);

    file_reader(file_reader&&) noexcept = default;
    file_reader& operator=(file_reader&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(is_file_, other.is_file_);
        std::swap(is_socket_, other.is_socket_);
        return *this;
    }
    ~file_reader() { close(); }

    /// Closes now rather than in the destructor. A connection that others share goes on for them,
    /// unless a read is in flight.
    void close() noexcept {
        if (is_socket_) static_cast<void>(handle_.detach());
        handle_.close();
    }
    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while a read is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath. On epoll its reads of a file block the thread.
    io_handle& handle() noexcept { return handle_; }

private:
    enum class source : std::uint8_t { file, socket, other };
    file_reader(io_handle handle, source what) noexcept
        : handle_(std::move(handle)),
          is_file_(what == source::file),
          is_socket_(what == source::socket) {}
    task<result<std::size_t>> read_in_pool(int fd, std::span<std::byte> buffer);

    io_handle handle_;
    bool is_file_;
    bool is_socket_;
};

/// Writes a file from its position on. Destroying it closes the descriptor; as with the reader one
/// write may be in flight at a time, and bytes must outlive it.
///
/// A file is written by a call of its own on any backend: the kernel takes the bytes into memory,
/// and lets the thread wait only when too much of that is not on disk yet.
class file_writer {
public:
    static constexpr channel_traits traits = file_reader::traits;
    static constexpr bool moves_in_kernel = false;  // nor can epoll wait for a file

    /// Opens a file or device. A file is created with mode 0600 if needed; open_mode::write_new
    /// empties one that is there, open_mode::append writes behind its end. Otherwise as
    /// file_reader::open().
    static task<result<file_writer>> open(std::string path, open_mode mode = open_mode::write_new,
                                          std::string* why = nullptr);

    /// As file_reader::adopt(), for a descriptor open for writing.
    [[nodiscard]] static result<file_writer> adopt(unique_fd fd);

    /// Yields how many bytes were taken. A full disk is std::errc::no_space_on_device. Where nobody
    /// reads the other end of a pipe or socket: std::errc::broken_pipe, without a SIGPIPE.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return handle_.write_some(bytes);
    }

    /// Closes, and waits until the kernel has let go. Of a connection it ends this direction, for
    /// others that share it as well; it can be read on, and this stays open.
    close_operation close_writing() noexcept {
        if (is_socket_) return handle_.shutdown(io_handle::direction::writing);
        return handle_.close_and_wait();
    }

    file_writer(file_writer&&) noexcept = default;
    file_writer& operator=(file_writer&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(is_socket_, other.is_socket_);
        return *this;
    }
    ~file_writer() { close(); }

    /// Closes now rather than in the destructor. A connection that others share goes on for them,
    /// unless a write is in flight.
    void close() noexcept {
        if (is_socket_) static_cast<void>(handle_.detach());
        handle_.close();
    }
    bool is_open() const noexcept { return handle_.is_open(); }

    /// As file_reader::detach().
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    file_writer(io_handle handle, bool is_socket) noexcept
        : handle_(std::move(handle)), is_socket_(is_socket) {}

    io_handle handle_;
    bool is_socket_;
};

/// A duplicate of descriptor 0, whatever it is. The descriptor itself stays open, and its flags are
/// left alone. What is read here is gone for std::cin and for other processes that share it.
[[nodiscard]] result<file_reader> standard_input();

/// A duplicate of descriptor 1. What is written overtakes what std::cout and printf() still buffer.
[[nodiscard]] result<file_writer> standard_output();

}  // namespace conduit
