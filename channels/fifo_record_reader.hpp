// SPDX-License-Identifier: BSL-1.0
//
// Reads the records that fifo_record_writer.hpp writes: whole ones only, in the order in which they
// went into the FIFO, at one reader each.
//
//     const auto options = conduit::fifo_options().stay_open();
//     auto log = co_await conduit::fifo_record_reader::open("/run/x/log", options);
//     while (auto record = co_await log->read_record()) print(*record);
//     if (log->skipped_bytes() > 0) ...        // somebody wrote what was no record

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/fifo_options.hpp>
#include <conduit/channels/fifo_reader.hpp>
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

/// Owns a fifo_reader and a buffer of 64 KiB, which it gets with the first record. One read may be
/// in flight at a time; a cancelled one loses nothing. Several readers of one FIFO, in one process
/// or many, share the records: each goes to one of them, untorn if its writer keeps records apart
/// (fifo_record_writer::serves_several_readers()).
///
/// Bytes that are no whole record, such as those of a writer that was killed while it wrote by
/// other means, are skipped up to the next record and counted. Where the FIFO is empty behind the
/// beginning of a record, nothing waits for its rest: records go in as a whole, so none will come.
///
/// While it waits it looks at its path every fifo_options::check_path_every(). Where that names
/// another FIFO by now, and nothing is left to be read here, it changes over: writers of the old
/// one get std::errc::broken_pipe and follow. A record written to the old one in the microseconds
/// between the last look and the change is lost.
class fifo_record_reader {
public:
    static constexpr channel_traits traits = fifo_reader::traits;

    /// As fifo_reader::open().
    [[nodiscard]] static task<result<fifo_record_reader>> open(std::string path,
                                                               fifo_options options = {},
                                                               std::string* why = nullptr);

    explicit fifo_record_reader(fifo_reader from) noexcept : from_(std::move(from)) {}

    /// Waits for the next record. Its bytes stay until the next call. Fails with
    /// errc::end_of_stream when the last writer has left, unless the FIFO stays open; reopen() then
    /// goes on with the next writer.
    [[nodiscard]] task<result<std::span<const std::byte>>> read_record();

    /// How many bytes were skipped so far because they were no part of a whole record.
    std::uint64_t skipped_bytes() const noexcept { return skipped_; }

    /// How many times it changed over to a FIFO that had replaced the one before.
    std::uint64_t times_followed() const noexcept { return times_followed_; }

    /// As fifo_reader::reopen().
    [[nodiscard]] task<result<void>> reopen(std::string* why = nullptr) {
        return from_.reopen(why);
    }

    void close() noexcept { from_.close(); }
    bool is_open() const noexcept { return from_.is_open(); }
    /// As fifo_reader::detach(). Records that were read ahead stay here, to be read.
    [[nodiscard]] result<unique_fd> detach() { return from_.detach(); }

    /// The bytes underneath, past those that were read ahead.
    fifo_reader& channel() noexcept { return from_; }
    io_handle& handle() noexcept { return from_.handle(); }

private:
    std::optional<std::span<const std::byte>> take_record();
    bool has_more_now() const;
    void skip();
    std::span<std::byte> make_room();
    bool should_follow() const;

    fifo_reader from_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t skipped_ = 0;
    std::uint64_t times_followed_ = 0;
    bool following_ = false;
    bool busy_ = false;
};

}  // namespace conduit
