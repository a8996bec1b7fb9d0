// SPDX-License-Identifier: BSL-1.0
//
// One try at an operation by a plain system call that does not wait. What the epoll backend is made
// of, and what other backends try first.
//
//     std::int32_t outcome = try_now(op, flags);
//     if (outcome == would_wait) ...

#pragma once

#include <conduit/runtime/backend/backend.hpp>

#include <cstdint>
#include <span>

namespace conduit {

/// The outcome of a try that found nothing to do. No count and no negative errno.
inline constexpr std::int32_t would_wait = INT32_MIN;

/// How a descriptor must be treated so that no call on it can block the thread.
struct descriptor_traits {
    bool nonblocking = true;  // O_NONBLOCK is set; otherwise it is asked before each transfer
    bool packets = false;     // a pipe that keeps message boundaries (O_DIRECT)
};

descriptor_traits traits_of(int fd) noexcept;

/// Tries `op` on its target. Not for receive_lent and close, which the backend does itself.
std::int32_t try_now(io_operation& op, const descriptor_traits& traits) noexcept;

/// What became of a connect that had to wait.
std::int32_t connect_outcome(int fd) noexcept;

/// One read or recv into a buffer; a count, a negative errno or would_wait.
std::int32_t read_now(const registration& from, const descriptor_traits& traits,
                      std::span<std::byte> into) noexcept;

/// One write that raises no SIGPIPE, on kernels that cannot be asked not to raise it; a count, a
/// negative errno or would_wait. A SIGPIPE that was pending before stays so.
std::int32_t write_with_sigpipe_blocked(int fd, std::span<const std::byte> bytes) noexcept;

/// Whether `events` (POLLIN, POLLOUT) hold now.
bool is_ready_now(int fd, short events) noexcept;

}  // namespace conduit
