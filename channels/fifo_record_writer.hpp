// SPDX-License-Identifier: BSL-1.0
//
// Records through a FIFO: each arrives whole, at one reader, whatever other writers do.
//
// Up to 4088 bytes per record, because the kernel keeps no more in one piece. For longer messages
// between two processes use message.hpp on a stream; fifo_record_reader.hpp reads these.
//
//     auto log = co_await conduit::fifo_record_writer::open("/run/x/log");
//     auto sent = co_await log->write_record(conduit::bytes_of("started"));
//
// In the FIFO a record is: the bytes c5 1f; the payload's length, little-endian u16; the CRC-32C of
// length and payload, little-endian u32; the payload.

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/fifo_options.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// Owns a fifo_writer. One record may be in flight at a time; the payload must outlive it. A record
/// whose writing was cancelled is not in the FIFO; one whose writer was killed is there as a whole
/// or not at all.
///
/// Each record is a packet of the kernel's, so that several readers never tear one between them; it
/// takes a page of the pipe, of which there are 16 unless the user has many pipes.
/// fifo_options::put_records_together() does without, for one reader; then they are only as long as
/// they are.
///
/// When the path was replaced and the old FIFO has lost its readers, the writer changes over to the
/// new one and waits for its reader; the record in flight goes there. What lay unread in the old
/// one is lost with it. Without a replacement it fails with std::errc::broken_pipe, and reopen()
/// waits.
class fifo_record_writer {
public:
    static constexpr channel_traits traits = fifo_writer::traits;

    /// The longest payload: PIPE_BUF without the header.
    static constexpr std::size_t payload_bytes_max = 4088;

    /// As fifo_writer::open().
    [[nodiscard]] static task<result<fifo_record_writer>> open(std::string path,
                                                               fifo_options options = {},
                                                               std::string* why = nullptr);

    explicit fifo_record_writer(fifo_writer to);

    /// Waits until there is room for it. An empty one is a record too. Beyond payload_bytes_max it
    /// fails with std::errc::message_size, nothing is written, and `*why`, where given, names size
    /// and limit; it must outlive the task.
    [[nodiscard]] task<result<void>> write_record(std::span<const std::byte> payload,
                                                  std::string* why = nullptr);

    /// As fifo_writer::reopen().
    [[nodiscard]] task<result<void>> reopen(std::string* why = nullptr);

    /// As fifo_writer::close_writing().
    close_operation close_writing() noexcept { return to_.close_writing(); }
    void close() noexcept { to_.close(); }
    bool is_open() const noexcept { return to_.is_open(); }
    [[nodiscard]] result<unique_fd> detach() { return to_.detach(); }

    /// Whether several readers get whole records: not with put_records_together(), nor where the
    /// kernel knows no packets.
    bool serves_several_readers() const noexcept { return apart_; }

    /// How many times it changed over to a FIFO that had replaced the one before.
    std::uint64_t times_followed() const noexcept { return times_followed_; }

    /// The bytes underneath. What is written there stands between records, and readers skip it.
    fifo_writer& channel() noexcept { return to_; }
    io_handle& handle() noexcept { return to_.handle(); }

private:
    void keep_apart() noexcept;
    bool should_follow() const;

    fifo_writer to_;
    std::vector<std::byte> record_;
    std::uint64_t times_followed_ = 0;
    bool apart_ = false;
    bool busy_ = false;
};

}  // namespace conduit
