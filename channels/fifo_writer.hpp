// SPDX-License-Identifier: BSL-1.0
//
// The writing end of a FIFO: a one-way byte stream to whoever opens its path for reading.
//
// Up to PIPE_BUF bytes of one write stay together among those of other writers; where a reader must
// find their borders again, and for several readers, use fifo_record_writer.hpp.
//
//     auto out = co_await conduit::fifo_writer::open("/run/x/log");    // waits for a reader
//     auto sent = co_await conduit::write_all(*out, conduit::bytes_of("hello\n"));
//     if (sent.error() == std::errc::broken_pipe) ...                  // the last reader has left

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_options.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace conduit {

struct fifo_end;

/// As with the reading end: owns its descriptor but not the path; one write may be in flight at a
/// time, its bytes must outlive it, and one that reports errc::cancelled wrote nothing.
class fifo_writer {
public:
    static constexpr channel_traits traits{channel_ways::one_way, channel_duplex::half,
                                           channel_relation::same_host};

    /// Opens `path` as soon as a reader has it open; until then the kernel refuses, so that it is
    /// tried again, at the pace of fifo_options::look_again_max(). What fifo_reader::open() refuses
    /// is refused here too, also while it waits.
    [[nodiscard]] static task<result<fifo_writer>> open(std::string path, fifo_options options = {},
                                                        std::string* why = nullptr);

    /// As fifo_reader::adopt(), for a descriptor open for writing.
    [[nodiscard]] static result<fifo_writer> adopt(unique_fd fd, std::string path,
                                                   fifo_options options = {});

    /// Waits until there is room, then yields how many bytes were taken.
    ///
    /// Up to PIPE_BUF (4096) bytes go as a whole or not at all, and are not mixed with those of
    /// other writers. Fails with std::errc::broken_pipe once there is no reader, without a SIGPIPE;
    /// bytes that none had read are lost. With the same reader, or another, reopen() goes on.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return handle_.write_some(bytes);
    }

    /// Opens the path again and waits for a reader, as open() does; this end stays open until then.
    [[nodiscard]] task<result<void>> reopen(std::string* why = nullptr);

    /// As fifo_reader::look_at_path().
    [[nodiscard]] result<fifo_path> look_at_path() const { return compare_path(path_, identity_); }

    /// Closes, and waits until the kernel has let go: if no other writer is left, the reader sees
    /// the end of the stream after what was written.
    close_operation close_writing() noexcept { return handle_.close_and_wait(); }

    /// Closes now rather than in the destructor.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// As fifo_reader::detach().
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    const std::string& path() const noexcept { return path_; }
    const fifo_options& options() const noexcept { return options_; }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    fifo_writer(fifo_end end, std::string path, fifo_options options);

    io_handle handle_;
    fifo_identity identity_;
    std::string path_;
    fifo_options options_;
};

}  // namespace conduit
