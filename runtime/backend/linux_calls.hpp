// SPDX-License-Identifier: BSL-1.0
//
// One try at an operation by a plain system call that does not wait. What the epoll backend is made
// of, and what other backends try first.
//
//     std::int32_t outcome = try_now(op, flags);
//     if (outcome == would_wait) ...

#pragma once

#include <conduit/runtime/backend/backend.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace conduit {

/// The outcome of a try that found nothing to do. No count and no negative errno.
inline constexpr std::int32_t would_wait = INT32_MIN;

/// How a descriptor must be treated so that no call on it can block the thread.
struct descriptor_traits {
    bool nonblocking = true;       // O_NONBLOCK is set; otherwise it is asked before each transfer
    bool carries_handles = false;  // a Unix socket
};

descriptor_traits traits_of(const registration& target) noexcept;

/// Tries `op` on its target. Not for receive_lent and close, which the backend does itself.
std::int32_t try_now(io_operation& op, const descriptor_traits& traits) noexcept;

/// A read or recvmsg for lent_operation: as read_now(); `came` gets what came along, if anything.
/// -ENOMEM when there was no memory for that.
std::int32_t read_lent_now(const registration& from, const descriptor_traits& traits,
                           std::span<std::byte> into,
                           std::unique_ptr<ancillary_data>& came) noexcept;

/// Room for all that a message may bring along.
inline constexpr std::size_t control_bytes_max =
    CMSG_SPACE(handles_per_message_max * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

/// What a message with control data and these flags (MSG_CTRUNC, MSG_TRUNC) brought along; null for
/// nothing. Throws std::bad_alloc, and has then taken no handle.
std::unique_ptr<ancillary_data> ancillary_of(std::span<const std::byte> control, unsigned flags);

/// Closes the handles in control data that nobody takes.
void close_handles_in(std::span<const std::byte> control) noexcept;

/// Tells the peer of a stream socket that it is over, also while a duplicate lives in another
/// process. A listener has no peer, and may be shared with processes that go on listening.
void end_connection(const registration& ended) noexcept;

/// How often this process and those before it were forked. A forked child shares what its parent's
/// schedulers have in the kernel, so it must make its own.
int forks_so_far() noexcept;
inline constexpr const char* made_before_fork = "a forked child must make a scheduler of its own";

/// What became of a connect that had to wait.
std::int32_t connect_outcome(int fd) noexcept;

/// One read or recv into a buffer; a count, a negative errno or would_wait.
std::int32_t read_now(const registration& from, const descriptor_traits& traits,
                      std::span<std::byte> into) noexcept;

/// One write that raises no SIGPIPE, on kernels that cannot be asked not to raise it; a count, a
/// negative errno or would_wait. A SIGPIPE that was pending before stays so.
std::int32_t write_with_sigpipe_blocked(int fd, std::span<const std::byte> bytes) noexcept;

/// What kernel::read_file() does.
result<std::size_t> read_file_now(int fd, std::span<std::byte> into, disk_wait wait) noexcept;

/// Whether `events` (POLLIN, POLLOUT) hold now.
bool is_ready_now(int fd, short events) noexcept;

}  // namespace conduit
