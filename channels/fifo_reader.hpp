// SPDX-License-Identifier: BSL-1.0
//
// The reading end of a FIFO: a one-way byte stream from whoever opens its path for writing.
//
// Bytes of several writers come mixed; to keep what belongs together use fifo_record_reader.hpp. A
// path that is not there yet is made by make_fifo() (fifo.hpp) or fifo_missing::is_made.
//
//     auto in = co_await conduit::fifo_reader::open("/run/x/log");     // waits for a writer
//     while (auto got = co_await in->read_some(buffer)) {
//         if (*got != 0) continue;                 // the last writer has left
//         auto next = co_await in->reopen();       // waits for the next one
//         if (!next) break;
//     }

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

/// Owns its descriptor; destroying it closes that, and leaves the path alone. One read may be in
/// flight at a time, and its buffer must outlive it. Several readers of one FIFO share its bytes:
/// each byte goes to one of them.
///
/// Operations are cancelled through the awaiting task. A read that reports errc::cancelled took
/// nothing out of the FIFO.
///
/// When the path comes to name another FIFO, an open end goes on with the old one, which its
/// writers have open as well. look_at_path() tells, and reopen() changes over.
class fifo_reader {
public:
    static constexpr channel_traits traits{channel_ways::one_way, channel_duplex::half,
                                           channel_relation::same_host};

    /// Opens `path` and waits until a writer has opened it too, so that the first read does not
    /// find an end where nobody has begun. With fifo_options::stay_open() it waits for nobody.
    ///
    /// A FIFO that make_fifo() would refuse is refused in the same way, with the reason in `*why`,
    /// which must outlive the task.
    [[nodiscard]] static task<result<fifo_reader>> open(std::string path, fifo_options options = {},
                                                        std::string* why = nullptr);

    /// Takes over a descriptor from elsewhere, such as what detach() gave on another scheduler;
    /// `path` and `options` are for reopen(). Neither owner nor mode are checked. Fails with
    /// std::errc::invalid_argument unless `fd` is a FIFO or pipe open for reading.
    [[nodiscard]] static result<fifo_reader> adopt(unique_fd fd, std::string path,
                                                   fifo_options options = {});

    /// Waits until at least one byte is there, then yields how many were read. Yields 0 once the
    /// FIFO is empty and its last writer has closed, and goes on yielding 0 without a wait until
    /// reopen(), even if another writer has come. `buffer` must not be empty.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return handle_.read_some(buffer);
    }

    /// As read_some(), into memory of the scheduler's; see lent_buffer.hpp.
    lent_operation receive_lent() noexcept { return handle_.receive_lent(); }

    /// Opens the path again and waits for a writer, as open() does. No byte is lost between the end
    /// of one stream and the next. Where the path names another FIFO by now, bytes left in the old
    /// one are lost, so read that to its end first; if the wait then fails, this end is closed, and
    /// may be reopened all the same. Nothing else may be in flight.
    [[nodiscard]] task<result<void>> reopen(std::string* why = nullptr);

    /// Whether the path names the FIFO that is open here. Asks the kernel once.
    [[nodiscard]] result<fifo_path> look_at_path() const { return compare_path(path_, identity_); }

    /// Closes now rather than in the destructor. When it was the last reader, writers then get
    /// std::errc::broken_pipe.
    void close() noexcept { handle_.close(); }

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere. Fails with
    /// std::errc::device_or_resource_busy while a read is in flight.
    [[nodiscard]] result<unique_fd> detach() { return handle_.detach(); }

    const std::string& path() const noexcept { return path_; }
    const fifo_options& options() const noexcept { return options_; }

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }
    const io_handle& handle() const noexcept { return handle_; }

private:
    friend class duplex_fifo;

    fifo_reader(fifo_end end, std::string path, fifo_options options);

    io_handle handle_;
    fifo_identity identity_;
    std::string path_;
    fifo_options options_;
};

}  // namespace conduit
