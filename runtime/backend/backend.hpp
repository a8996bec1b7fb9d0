// SPDX-License-Identifier: BSL-1.0
//
// The half of the seam that waits: submit an operation, cancel it, withdraw it, run one turn, wake
// from another thread. What is done at once is in kernel.hpp. epoll.cpp, sim.cpp and uring.cpp are
// the implementations; a conformance suite holds them to the same results.
//
//     if (backend.start(op) == progress::waiting) ...     // op.complete() comes in a later poll()

#pragma once

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace conduit {

/// The two sides of a handle: at most one operation waits on each.
enum class side : std::uint8_t { taking, giving };

side side_of(io_code code) noexcept;

/// A handle that is attached to a backend. Held by its io_handle and by each operation made on it;
/// the last one destroys it.
struct registration {
    registration(backend& owner, unique_fd attached, handle_kind what) noexcept
        : home(&owner), handle(std::move(attached)), kind(what) {}
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;

    io_operation*& pending(side which) noexcept { return which == side::taking ? taker : giver; }

    void hold() noexcept { ++holders_; }
    void release() noexcept {
        if (--holders_ == 0) delete this;
    }

    backend* home;
    unique_fd handle;
    handle_kind kind;
    bool closed = false;
    io_operation* taker = nullptr;
    io_operation* giver = nullptr;

protected:
    virtual ~registration() = default;

private:
    int holders_ = 1;
};

/// Where a scheduler's operations go. Never resumes a task: it completes operations, and the
/// scheduler resumes. All but wake() is called on the scheduler's thread.
class backend {
public:
    virtual ~backend() = default;

    virtual std::string_view name() const noexcept = 0;
    virtual conduit::kernel& kernel() noexcept = 0;

    /// Around each run(), on its thread. What waits when leave() is called goes on in the next run,
    /// which may be on another thread. enter() throws std::system_error when that cannot be had.
    virtual void enter() {}
    virtual void leave() noexcept {}

    /// Takes over a handle. Fails with what the kernel says about waiting for it.
    virtual result<registration*> attach(unique_fd handle) = 0;
    /// Gives a handle back on which nothing waits, and marks the registration closed. Fails with
    /// device_or_resource_busy when the kernel has received or accepted for it ahead.
    virtual result<unique_fd> detach(registration& idle) noexcept = 0;
    /// Completes what waits with cancelled_outcome, ends the connection, closes the handle when the
    /// kernel has let go of it, and marks the registration closed.
    virtual void close(registration& ended) noexcept = 0;

    /// Begins an operation: done, with its outcome set, or waiting, to be completed later.
    virtual io_operation::progress start(io_operation& op) = 0;
    /// Asks a waiting operation to end; it completes with its result or cancelled_outcome.
    virtual void cancel(io_operation& op) noexcept = 0;
    /// Forgets a waiting operation. On return neither kernel nor backend refers to it.
    virtual void withdraw(io_operation& op) noexcept = 0;

    /// Completes what has come to an end, waiting up to `wait` for the first (duration::max(): as
    /// long as it takes). False when nothing can ever come: only a simulation knows.
    virtual bool poll(clock::duration wait) = 0;

    /// Whether a poll() has something to do although the kernel has nothing to say.
    virtual bool has_work() const noexcept { return false; }

    /// A descriptor that becomes readable when a poll() has something to complete, or after a
    /// wake(); negative where there is none. See scheduler::native_handle().
    virtual int native_handle() const noexcept { return -1; }

    /// Ends a poll() from any thread.
    virtual void wake() noexcept = 0;

    /// Moves operations from the ready queue to the batch that is run next; all, in order.
    virtual void take_batch(intrusive_list<operation, in_queue>& ready,
                            intrusive_list<operation, in_queue>& batch) noexcept {
        batch.take_all(ready);
    }

    /// Whether blocking() may use threads. A simulation calls the function in place.
    virtual bool has_threads() const noexcept { return true; }

    /// See scheduler::event_hash().
    virtual std::uint64_t event_hash() const noexcept { return 0; }
};

/// Makes the backend that `options` ask for, on the calling thread. Throws std::system_error that
/// names the backend and the reason.
std::unique_ptr<backend> make_backend(const scheduler_options& options);

std::unique_ptr<backend> make_epoll_backend(const scheduler_options& options);
std::unique_ptr<backend> make_sim_backend(const scheduler_options& options);

}  // namespace conduit
