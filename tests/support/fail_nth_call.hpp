// SPDX-License-Identifier: BSL-1.0
//
// A real kernel of which the n-th call that can fail does: making, opening, starting, attaching.
// For operations that are waited for, and for memory, see fault_backend.hpp.
//
//     call_plan plan(3, EMFILE);
//     scheduler sched(make_backend_that_fails(plan), scheduler_options());
//
// Run a scenario with n = 1, 2, 3 ... until the fault is no longer reached; call plan.disarm()
// before what must not fail, such as killing what was started.

#pragma once

#include <conduit/runtime/backend/backend.hpp>

#include <limits>
#include <memory>

namespace conduit::test {

/// Which call, counted from 1, fails with which errno instead of being made.
class call_plan {
public:
    call_plan(int nth, int error) noexcept : nth_(nth), error_(error) {}

    bool was_reached() const noexcept { return reached_; }
    void disarm() noexcept { nth_ = std::numeric_limits<int>::max(); }
    /// It is the n-th one from now on.
    void arm(int nth) noexcept { nth_ = seen_ + nth; }

    /// Counts a call; true when it is the one to fail.
    bool strikes() noexcept {
        if (++seen_ != nth_) return false;
        reached_ = true;
        return true;
    }
    std::error_code error() const noexcept { return error_from_kernel(error_); }

private:
    int nth_;
    int error_;
    int seen_ = 0;
    bool reached_ = false;
};

/// An epoll backend, whose kernel is the real one with the fault in front. `plan` must outlive it.
std::unique_ptr<backend> make_backend_that_fails(call_plan& plan);

}  // namespace conduit::test
