// SPDX-License-Identifier: BSL-1.0
//
// One io_uring: made with the best flags that the kernel takes, entered by one thread at a time.
// Knows submissions and completions; what they mean is uring.cpp's. liburing 2.3 is the floor, and
// what it cannot do is asked of the kernel directly.
//
//     ring r(ring_limits{});
//     io_uring_prep_recv(r.submission(tag), fd, memory, bytes, 0);
//     r.enter(1ms);
//     while (auto done = r.completion()) ...

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <liburing.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace conduit {

/// How large a ring is, and what tests may do to it.
struct ring_limits {
    unsigned submissions = 256;
    unsigned completions = 4096;
    /// Setup flags that count as unknown to the kernel.
    unsigned unknown_flags = 0;
    /// Operations (IORING_OP_...) that count as unknown to the kernel.
    std::vector<int> unknown_operations;
    /// Called with each submission before the kernel sees it.
    std::function<void(io_uring_sqe&)> on_submission;
    /// Asked before each call that submits or waits: an errno to fail with instead, or 0.
    std::function<int()> refusal;
};

class ring {
public:
    struct completed {
        std::uint64_t tag;
        std::int32_t result;
        std::uint32_t flags;
        bool has_more() const noexcept { return (flags & IORING_CQE_F_MORE) != 0; }
    };

    /// Throws std::system_error that names the call which failed.
    explicit ring(const ring_limits& limits);
    ring(const ring&) = delete;
    ~ring();

    /// Takes over for this thread; false when the kernel gave the ring to another one for good.
    bool begin_run() noexcept;
    void end_run() noexcept;

    /// Whether completions appear in enter() only, which is what makes the ring cheap.
    bool is_deferred() const noexcept { return (made_.flags & IORING_SETUP_DEFER_TASKRUN) != 0; }
    /// The name of an operation that conduit needs and this kernel lacks; null when it has all.
    const char* missing_operation() const;
    /// What the kernel granted, for people.
    std::string description() const;

    /// An empty submission, submitting the others first where the queue is full. Null while the
    /// kernel takes none; it does again when completions have been taken.
    io_uring_sqe* submission(std::uint64_t tag) noexcept;

    /// Submits what was queued, and waits up to `wait` for a completion; duration::max() is as long
    /// as it takes. Makes no call where there is nothing to do. A signal ends the wait.
    void enter(clock::duration wait) noexcept;

    /// Completions that have not been taken, and the oldest of them.
    unsigned completions() const noexcept { return io_uring_cq_ready(&made_); }
    std::optional<completed> completion() noexcept;

    /// Ends the request with this tag, submitted or not, waiting up to a millisecond: one try.
    void cancel_now(std::uint64_t tag) noexcept;

    /// Makes buffers 0..count-1 known to the kernel as group 0, to be supplied one by one.
    void make_buffer_group(std::size_t count);
    void supply(std::uint16_t number, std::span<std::byte> memory) noexcept;

private:
    bool try_setup(const ring_limits& limits, unsigned flags);
    unsigned queued() noexcept;
    int call(unsigned submit, unsigned want, unsigned flags, const void* argument,
             std::size_t bytes) noexcept;

    io_uring made_{};
    pid_t maker_;  // a forked child shares the descriptor and none of the memory
    io_uring_buf_ring* group_ = nullptr;
    std::size_t group_bytes_ = 0;
    int group_mask_ = 0;
    unsigned wait_flags_ = 0;
    std::vector<int> unknown_operations_;
    std::function<void(io_uring_sqe&)> on_submission_;
    std::function<int()> refusal_;
};

}  // namespace conduit
