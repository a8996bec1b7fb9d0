// SPDX-License-Identifier: BSL-1.0
//
// Mutual exclusion between tasks of one scheduler, across their waits. Between two waits a task is
// alone on its thread anyway and needs no lock. For a limit above one use semaphore.hpp.
//
//     conduit::mutex writing;
//     auto held = co_await writing.lock();
//     if (!held) co_return held.error();                  // cancelled while it waited
//     co_await write_all(out, header);                    // nobody writes between these two
//     co_await write_all(out, body);

#pragma once

#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/wait_queue.hpp>

#include <optional>
#include <utility>

namespace conduit {

class scoped_lock;

/// A lock that is handed from one holder to the one that has waited longest.
///
/// It belongs to the scheduler of its first use; use from another one asserts. It must outlive its
/// waits and holders (asserted). It is not recursive: a task that locks it twice waits for itself.
/// A cancelled wait leaves the queue; one destroyed just after it got the lock passes it on.
class mutex {
public:
    mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    ~mutex();

    class lock_operation;
    /// Waits until nobody holds the mutex and those who came before have had it; yields the lock,
    /// or errc::cancelled or errc::timed_out.
    lock_operation lock() noexcept;

    /// The lock, if nobody holds it.
    [[nodiscard]] std::optional<scoped_lock> try_lock() noexcept;

    bool is_locked() const noexcept { return locked_; }

private:
    friend class scoped_lock;

    bool take() noexcept;
    void unlock() noexcept;

    wait_queue waiting_;
    bool locked_ = false;
};

/// Holds a mutex and gives it up when destroyed.
class [[nodiscard]] scoped_lock {
public:
    scoped_lock(scoped_lock&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    scoped_lock& operator=(scoped_lock&& other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    ~scoped_lock() { unlock(); }

    /// Gives the mutex up now rather than in the destructor.
    void unlock() noexcept {
        if (held_ != nullptr) std::exchange(held_, nullptr)->unlock();
    }

private:
    friend class mutex;
    explicit scoped_lock(mutex& held) noexcept : held_(&held) {}

    mutex* held_;
};

class mutex::lock_operation final : public operation {
public:
    explicit lock_operation(mutex& wanted) noexcept : mutex_(&wanted) {}
    lock_operation(lock_operation&&) noexcept = default;
    ~lock_operation() {
        if (is_queued() && !failed()) mutex_->unlock();
    }

    const char* name() const noexcept override { return "mutex"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    result<scoped_lock> await_resume() noexcept {
        if (failed()) return error();
        return scoped_lock(*mutex_);
    }

private:
    progress start() override;

    mutex* mutex_;
};

inline mutex::lock_operation mutex::lock() noexcept { return lock_operation(*this); }

}  // namespace conduit
