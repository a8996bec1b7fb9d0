// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/ring.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/loop.hpp>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

namespace conduit {
namespace {

// linux/io_uring.h of 6.15; absent from Debian 12's headers.
constexpr unsigned feature_no_iowait = 1U << 17;
constexpr unsigned enter_no_iowait = 1U << 7;

/// What is tried, best first. Kernels before 6.1 lack the first, before 5.19 the second.
constexpr std::array ladder{
    unsigned{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
             IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP},
    unsigned{IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
             IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP},
    unsigned{IORING_SETUP_CQSIZE},
    0U,
};

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error_from_kernel(error), what);
}

}  // namespace

ring::ring(const ring_limits& limits)
    : maker_(::getpid()),
      unknown_operations_(limits.unknown_operations),
      on_submission_(limits.on_submission),
      refusal_(limits.refusal) {
    bool made = false;
    for (std::size_t rung = 0; rung < ladder.size() && !made; ++rung) {
        if ((ladder[rung] & limits.unknown_flags) == 0) made = try_setup(limits, ladder[rung]);
    }
    if (!made) fail(EINVAL, "io_uring_setup");
    if ((made_.features & IORING_FEAT_EXT_ARG) == 0 || (made_.features & IORING_FEAT_NODROP) == 0) {
        io_uring_queue_exit(&made_);
        fail(ENOSYS, "io_uring of this kernel is too old");
    }
    io_uring_ring_dontfork(&made_);
    if ((made_.features & feature_no_iowait) != 0) wait_flags_ = enter_no_iowait;
}

/// False when the kernel does not know the flags. Halves the ring where memory may not be locked.
bool ring::try_setup(const ring_limits& limits, unsigned flags) {
    unsigned submissions = limits.submissions;
    unsigned completions = limits.completions;
    for (;;) {
        io_uring_params wish{};
        wish.flags = flags;
        if ((flags & IORING_SETUP_CQSIZE) != 0) wish.cq_entries = completions;
        const int error = -io_uring_queue_init_params(submissions, &made_, &wish);
        if (error == 0) return true;
        if (error == EINVAL) return false;
        if (error != ENOMEM || submissions == 1) fail(error, "io_uring_setup");
        submissions /= 2;
        completions = std::max(completions / 2, 2 * submissions);
    }
}

ring::~ring() {
    if (::getpid() != maker_) {  // what was mapped here may be something else by now
        ::close(made_.ring_fd);
        return;
    }
    io_uring_queue_exit(&made_);
    if (group_ != nullptr) ::munmap(group_, group_bytes_);
}

bool ring::begin_run() noexcept {
    if (call(0, 0, IORING_ENTER_GETEVENTS, nullptr, 0) == -EEXIST) return false;
    io_uring_register_ring_fd(&made_);  // saves a look-up; without it the plain descriptor is used
    return true;
}

// The registration belongs to the thread, so that another thread could not take it back.
void ring::end_run() noexcept {
    if (made_.enter_ring_fd != made_.ring_fd) io_uring_unregister_ring_fd(&made_);
}

const char* ring::missing_operation() const {
    struct need {
        int code;
        const char* name;
    };
    constexpr std::array needs{
        need{IORING_OP_POLL_ADD, "POLL_ADD"}, need{IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
        need{IORING_OP_READ, "READ"},         need{IORING_OP_RECV, "RECV"},
        need{IORING_OP_SEND, "SEND"},         need{IORING_OP_RECVMSG, "RECVMSG"},
        need{IORING_OP_ACCEPT, "ACCEPT"}};
    const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> known(
        io_uring_get_probe_ring(const_cast<io_uring*>(&made_)), &io_uring_free_probe);
    if (known == nullptr) return "the probe of operations";
    const auto& unknown = unknown_operations_;
    for (const need& one : needs) {
        if (io_uring_opcode_supported(known.get(), one.code) == 0) return one.name;
        if (std::find(unknown.begin(), unknown.end(), one.code) != unknown.end()) return one.name;
    }
    return nullptr;
}

std::string ring::description() const {
    const char* turns = is_deferred()                                    ? "DEFER_TASKRUN"
                        : (made_.flags & IORING_SETUP_COOP_TASKRUN) != 0 ? "COOP_TASKRUN"
                                                                         : "no flags";
    return fmt::format("{}, {} submissions, {} completions{}", turns, made_.sq.ring_entries,
                       made_.cq.ring_entries, wait_flags_ != 0 ? ", NO_IOWAIT" : "");
}

/// Shows the kernel what was queued; returns how many submissions it has not taken.
unsigned ring::queued() noexcept {
    io_uring_sq& sq = made_.sq;
    if (on_submission_) {
        for (unsigned i = sq.sqe_head; i != sq.sqe_tail; ++i) {
            on_submission_(sq.sqes[i & sq.ring_mask]);
        }
    }
    sq.sqe_head = sq.sqe_tail;
    io_uring_smp_store_release(sq.ktail, sq.sqe_tail);
    return sq.sqe_tail - io_uring_smp_load_acquire(sq.khead);
}

int ring::call(unsigned submit, unsigned want, unsigned flags, const void* argument,
               std::size_t bytes) noexcept {
    if (loop::current != nullptr) loop::current->counters.system_calls.add();
    if (refusal_) {
        if (const int error = refusal_()) return -error;
    }
    if (made_.enter_ring_fd != made_.ring_fd) flags |= IORING_ENTER_REGISTERED_RING;
    // The raw call: liburing's own passes no such argument before 2.3, nor the newer flags.
    return io_uring_enter2(static_cast<unsigned>(made_.enter_ring_fd), submit, want, flags,
                           static_cast<sigset_t*>(const_cast<void*>(argument)), bytes);
}

io_uring_sqe* ring::submission(std::uint64_t tag) noexcept {
    io_uring_sqe* next = io_uring_get_sqe(&made_);
    if (next == nullptr) {
        call(queued(), 0, 0, nullptr, 0);
        next = io_uring_get_sqe(&made_);
    }
    if (next == nullptr) return nullptr;
    io_uring_prep_nop(next);  // clears what the slot held before
    next->user_data = tag;
    return next;
}

void ring::enter(clock::duration wait) noexcept {
    const unsigned submit = queued();
    constexpr unsigned kernel_has_work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    const bool must_look = (made_.flags & IORING_SETUP_TASKRUN_FLAG) == 0 ||
                           (IO_URING_READ_ONCE(*made_.sq.kflags) & kernel_has_work) != 0;
    if (io_uring_cq_ready(&made_) > 0) wait = clock::duration::zero();
    if (wait == clock::duration::zero()) {
        if (submit > 0 || must_look) call(submit, 0, IORING_ENTER_GETEVENTS, nullptr, 0);
        return;
    }
    unsigned flags = IORING_ENTER_GETEVENTS | wait_flags_;
    if (wait == clock::duration::max()) {
        call(submit, 1, flags, nullptr, 0);
        return;
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
    const __kernel_timespec limit{seconds.count(), (wait - seconds).count()};
    io_uring_getevents_arg argument{};
    argument.ts = std::bit_cast<std::uintptr_t>(&limit);
    call(submit, 1, flags | IORING_ENTER_EXT_ARG, &argument, sizeof argument);
}

std::optional<ring::completed> ring::completion() noexcept {
    io_uring_cq& cq = made_.cq;
    const unsigned head = *cq.khead;
    if (head == io_uring_smp_load_acquire(cq.ktail)) return std::nullopt;
    const io_uring_cqe& oldest = cq.cqes[head & cq.ring_mask];
    const completed taken{oldest.user_data, oldest.res, oldest.flags};
    io_uring_smp_store_release(cq.khead, head + 1);
    return taken;
}

// One that was not submitted yet could not be found, hence the enter() before; and the completion
// appears only in the one after. Never without a limit: a worker's completion would not end it.
void ring::cancel_now(std::uint64_t tag) noexcept {
    enter(clock::duration::zero());
    io_uring_sync_cancel_reg which{};
    which.addr = tag;
    which.timeout.tv_nsec = 1'000'000;
    io_uring_register_sync_cancel(&made_, &which);
    call(0, 0, IORING_ENTER_GETEVENTS, nullptr, 0);
}

void ring::make_buffer_group(std::size_t count) {
    const std::size_t entries = std::bit_ceil(count);
    group_bytes_ = entries * sizeof(io_uring_buf);
    void* memory = ::mmap(nullptr, group_bytes_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) fail(errno, "io_uring: memory for the buffer ring");
    ::madvise(memory, group_bytes_, MADV_DONTFORK);
    group_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(group_);
    group_mask_ = static_cast<int>(entries) - 1;
    io_uring_buf_reg request{};
    request.ring_addr = std::bit_cast<std::uintptr_t>(memory);
    request.ring_entries = static_cast<unsigned>(entries);
    const int error = -io_uring_register_buf_ring(&made_, &request, 0);
    if (error != 0) fail(error, "io_uring_register_buf_ring");
}

void ring::supply(std::uint16_t number, std::span<std::byte> memory) noexcept {
    io_uring_buf_ring_add(group_, memory.data(), static_cast<unsigned>(memory.size()), number,
                          group_mask_, 0);
    io_uring_buf_ring_advance(group_, 1);
}

}  // namespace conduit
