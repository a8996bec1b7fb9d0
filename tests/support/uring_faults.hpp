// SPDX-License-Identifier: BSL-1.0
//
// Rings that are small, old or told what to answer: faults which the kernel shows seldom.
//
//     auto fault = std::make_shared<injection>(injection{IORING_OP_READ, -EAGAIN, 3});
//     run_with(injecting(fault), body());
//     REQUIRE(fault->count == 0);

#pragma once

#include <conduit/runtime/backend/uring.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace conduit::test {

/// Whether this machine has io_uring; a visible skip where it has not.
bool has_uring();

ring_limits small(unsigned submissions, unsigned completions);

template <class T>
T run_with(const ring_limits& limits, task<T> body,
           const scheduler_options& options = scheduler_options()) {
    return scheduler(make_uring_backend(options, uring_wish::any, limits), options)
        .run(std::move(body));
}

/// Makes the first `count` submissions of a kind end with `result` instead of being done.
struct injection {
    int code;
    std::int32_t result;
    int count;
};
ring_limits injecting(const std::shared_ptr<injection>& fault);

/// Turns a submission into one that does nothing and completes with `result`.
void answer_with(io_uring_sqe& submission, std::int32_t result) noexcept;

/// Whether that works here; a visible skip where it does not.
bool can_inject();

}  // namespace conduit::test
