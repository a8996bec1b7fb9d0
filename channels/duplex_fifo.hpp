// SPDX-License-Identifier: BSL-1.0
//
// A pair of FIFOs under one name, as a two-way byte stream between two processes of one user.
//
// Point to point: FIFOs do not tell their users apart, so a third one at the same name would share
// the bytes. For a server with several clients use unix_stream.hpp, or let each client make a pair
// of its own and announce it by a record (fifo_record_writer.hpp).
//
//     auto here = co_await conduit::duplex_fifo::create("/run/x/link");    // in one process
//     auto there = co_await conduit::duplex_fifo::open("/run/x/link");     // in the other
//     auto sent = co_await conduit::write_all(*there, conduit::bytes_of("hello"));

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/fifo_options.hpp>
#include <conduit/channels/fifo_reader.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace conduit {

/// Owns both ends that it opened, not the names. One read and one write may be in flight at a time,
/// each on the terms of fifo_reader and fifo_writer.
///
/// One object is one conversation: when either side has ended it, close this one and create or open
/// the next, so that nothing unread is left over.
class duplex_fifo {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::same_host};

    /// Makes `path`.in, from which this side reads, and `path`.out, to which it writes, or takes
    /// them as make_fifo() does; then waits until the other side has opened both.
    /// fifo_options::stay_open() has no effect, since the end of the stream is the other's leaving.
    [[nodiscard]] static task<result<duplex_fifo>> create(std::string path,
                                                          fifo_options options = {},
                                                          std::string* why = nullptr);

    /// The other side: reads from `path`.out, writes to `path`.in, and waits for the one that
    /// creates. fifo_missing::is_awaited lets it come first.
    [[nodiscard]] static task<result<duplex_fifo>> open(std::string path, fifo_options options = {},
                                                        std::string* why = nullptr);

    /// Removes both names, as remove_fifo() does; one that is not there is no failure.
    [[nodiscard]] static result<void> remove(const std::string& path, std::string* why = nullptr);

    /// As fifo_reader::read_some(): 0 once the other side writes no more.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return reader_.read_some(buffer);
    }

    /// As fifo_writer::write_some().
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return writer_.write_some(bytes);
    }

    /// Ends one direction: the other side reads what was written and then the end of the stream.
    close_operation close_writing() noexcept { return writer_.close_writing(); }

    /// Closes both directions now rather than in the destructor.
    void close() noexcept {
        reader_.close();
        writer_.close();
    }

    /// Whether it can still be read from.
    bool is_open() const noexcept { return reader_.is_open(); }

    /// The two ends, for what this type does not offer, such as handle() and detach().
    fifo_reader& reader() noexcept { return reader_; }
    fifo_writer& writer() noexcept { return writer_; }
    /// For copy(), which moves bytes inside the kernel where it can.
    io_handle* source_handle() noexcept { return &reader_.handle(); }
    io_handle* sink_handle() noexcept { return &writer_.handle(); }

private:
    duplex_fifo(fifo_reader reader, fifo_writer writer) noexcept
        : reader_(std::move(reader)), writer_(std::move(writer)) {}

    static task<result<duplex_fifo>> meet(std::string read_from, std::string write_to,
                                          fifo_options options, std::string* why);

    fifo_reader reader_;
    fifo_writer writer_;
};

}  // namespace conduit
