// SPDX-License-Identifier: BSL-1.0
//
// A number of permits that tasks of one scheduler take and give back: so many at a time, and no
// more. For a single permit held by one task use mutex.hpp; to hand over values use queue.hpp.
//
//     conduit::semaphore downloads(4);
//     auto permitted = co_await downloads.acquire();
//     if (!permitted) co_return permitted.error();        // cancelled while it waited
//     co_await download(url);
//     downloads.release();

#pragma once

#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/wait_queue.hpp>

#include <cstddef>

namespace conduit {

/// Counts permits. Who waits gets them in order: a wait for many is not overtaken by one for few.
///
/// It belongs to the scheduler of its first use; use from another one asserts. It must outlive its
/// waits (asserted). A cancelled wait has taken no permit; one destroyed just after it got its
/// permits gives them back. Permits are not tied to who took them: any task may release.
class semaphore {
public:
    explicit semaphore(std::size_t permits) noexcept : available_(permits) {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore();

    class acquire_operation;
    /// Waits for `n` permits and takes them all at once; yields nothing but success, or
    /// errc::cancelled or errc::timed_out. For 0 it waits only behind others.
    acquire_operation acquire(std::size_t n = 1) noexcept;

    /// Takes `n` permits if they are there and nobody waits before.
    [[nodiscard]] bool try_acquire(std::size_t n = 1) noexcept;

    /// Gives back `n` permits, or adds new ones. Who waited for them runs later, not from here.
    void release(std::size_t n = 1) noexcept;

    std::size_t available() const noexcept { return available_; }

private:
    void serve() noexcept;

    wait_queue waiting_;
    std::size_t available_;
    std::size_t granted_ = 0;  // waits that have their permits and have not run yet
};

class semaphore::acquire_operation final : public operation {
public:
    acquire_operation(semaphore& wanted, std::size_t permits) noexcept
        : semaphore_(&wanted), permits_(permits) {}
    acquire_operation(acquire_operation&&) noexcept = default;
    ~acquire_operation();

    const char* name() const noexcept override { return "semaphore"; }
    void cancel() noexcept override;
    result<void> await_resume() noexcept;

private:
    friend class semaphore;
    progress start() override;

    semaphore* semaphore_;
    std::size_t permits_;
};

inline semaphore::acquire_operation semaphore::acquire(std::size_t n) noexcept {
    return acquire_operation(*this, n);
}

}  // namespace conduit
