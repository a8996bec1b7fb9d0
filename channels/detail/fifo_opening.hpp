// SPDX-License-Identifier: BSL-1.0
//
// How both ends of a FIFO are opened: what is refused, how long to wait between two looks, and the
// waits themselves. No thread ever waits in open(2).
//
//     auto end = co_await open_for_writing(path, options, why);
//     if (!end) co_return end.error();

#pragma once

#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_options.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

namespace conduit {

/// Fails with `error`; says so in `*why`, where given.
std::error_code refuse_fifo(const std::string& path, std::error_code error, std::string* why);

/// That the kernel sees the whole of the path.
result<void> check_fifo_path(const std::string& path, std::string* why);

/// That it is a FIFO, of the right user's, and closed to all others.
result<void> check_fifo(const std::string& path, const file_status& found,
                        const fifo_options& options, std::string* why);

inline fifo_identity identity_of(const file_status& found) noexcept {
    return {found.device, found.inode};
}

struct opened_fifo {
    unique_fd fd;
    fifo_identity identity;
};

/// One try that does not wait. Fails with std::errc::no_such_device_or_address where one is to be
/// written to that nobody reads.
result<opened_fifo> try_to_open(const std::string& path, handle_access access,
                                const fifo_options& options, std::string* why);

/// Whether that failure may pass by itself.
bool is_worth_waiting(std::error_code error, const fifo_options& options) noexcept;

/// The pauses between two looks.
class look_again {
public:
    explicit look_again(const fifo_options& options) noexcept : max_(options.look_again_max()) {}

    clock::duration pause() noexcept {
        const clock::duration now = std::min(next_, max_);
        next_ = 2 * now;
        return now;
    }

private:
    clock::duration max_;
    clock::duration next_ = std::chrono::milliseconds(1);
};

struct fifo_end {
    io_handle handle;
    fifo_identity identity;
};

/// Opens for reading, waiting for the path if the options say so, not for a writer.
task<result<fifo_end>> open_without_writer(const std::string& path, const fifo_options& options,
                                           std::string* why);

/// Waits until a writer is there, or bytes of one. Opens again where the path was replaced.
task<result<void>> wait_for_writer(const std::string& path, const fifo_options& options,
                                   fifo_end& end, std::string* why);

task<result<fifo_end>> open_for_reading(const std::string& path, const fifo_options& options,
                                        std::string* why);
task<result<fifo_end>> open_for_writing(const std::string& path, const fifo_options& options,
                                        std::string* why);

/// A descriptor from elsewhere.
result<fifo_end> adopt_fifo(unique_fd fd, bool for_writing);

}  // namespace conduit
