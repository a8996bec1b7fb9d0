// SPDX-License-Identifier: BSL-1.0
//
// A backend whose n-th operation fails, and an allocator whose n-th call throws: failure injected,
// not hoped for. Run a scenario with n = 1, 2, 3 ... until the fault is no longer reached.
//
//     fault_plan plan(3, EIO);
//     scheduler sched(make_fault_backend(plan), scheduler_options());

#pragma once

#include <conduit/runtime/backend/backend.hpp>

#include <memory>

namespace conduit::test {

/// Which operation, counted from 1, ends with which errno instead of being started.
struct fault_plan {
    fault_plan(int which, int number) noexcept : nth(which), error(number) {}

    int nth;
    int error;
    int seen = 0;
    bool was_reached() const noexcept { return seen >= nth; }
};

/// An epoll backend with the fault in front. `plan` must outlive it.
std::unique_ptr<backend> make_fault_backend(fault_plan& plan);

/// While it lives, the n-th allocation of this thread, counted from 1, throws std::bad_alloc, and
/// so do those behind it, `in_a_row` altogether.
class failing_allocation {
public:
    explicit failing_allocation(long nth, long in_a_row = 1) noexcept;
    failing_allocation(const failing_allocation&) = delete;
    ~failing_allocation();

    static bool was_reached() noexcept;

    /// Whether operator new is ours to replace: not under ThreadSanitizer.
    static bool is_possible() noexcept;
};

/// How many allocations by operator new are not freed yet, of all threads; always 0 where it cannot
/// be counted.
long live_allocations() noexcept;

/// The same in bytes, and the most there ever were since forget_peak().
long live_bytes() noexcept;
long peak_bytes() noexcept;
void forget_peak() noexcept;

}  // namespace conduit::test
