// SPDX-License-Identifier: BSL-1.0
#include "uring_faults.hpp"

#include "../skip.hpp"
#include "co_test.hpp"

#include <chrono>

namespace conduit::test {

using namespace std::chrono_literals;

bool has_uring() {
    for (const backend_kind kind : kernel_backends()) {
        if (kind == backend_kind::uring) return true;
    }
    skip("io_uring cannot be had here");
    return false;
}

ring_limits small(unsigned submissions, unsigned completions) {
    ring_limits limits;
    limits.submissions = submissions;
    limits.completions = completions;
    return limits;
}

void answer_with(io_uring_sqe& submission, std::int32_t result) noexcept {
    constexpr unsigned inject_result = 1;  // IORING_NOP_INJECT_RESULT, Linux 6.10
    const auto tag = submission.user_data;
    io_uring_prep_nop(&submission);
    submission.user_data = tag;
    submission.rw_flags = inject_result;
    submission.len = static_cast<unsigned>(result);
}

ring_limits injecting(const std::shared_ptr<injection>& fault) {
    ring_limits limits;
    limits.on_submission = [fault](io_uring_sqe& next) {
        if (next.opcode != fault->code || fault->count == 0) return;
        --fault->count;
        answer_with(next, fault->result);
    };
    return limits;
}

bool can_inject() {
    ring probe{ring_limits{}};
    answer_with(*probe.submission(7), 42);
    probe.enter(1s);
    const bool works = probe.completion()->result == 42;
    if (!works) skip("before Linux 6.10 no result can be injected");
    return works;
}

}  // namespace conduit::test
