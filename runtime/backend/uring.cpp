// SPDX-License-Identifier: BSL-1.0
//
// Completion: an operation that cannot be done at once becomes a request to the kernel, and ends
// with that request's own completion. Submissions of a turn go out in one call, which also waits.
// Where the kernel would have to remember the memory of a write, it is asked for readiness instead.

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel_memory.hpp>
#include <conduit/runtime/backend/lent_buffers.hpp>
#include <conduit/runtime/backend/uring.hpp>
#include <conduit/runtime/backend/uring_registration.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t nobody = 0;  // tag of a cancellation: its target's completion counts
constexpr std::uint64_t the_wakeup = 1;

std::uint64_t tag_of(request& r) noexcept { return std::bit_cast<std::uintptr_t>(&r); }

/// Results that say no more than that the request was ended; -512 (ERESTARTSYS) leaks from workers.
bool is_ended(std::int32_t result) noexcept {
    constexpr std::int32_t restart = 512;
    return result == -ECANCELED || result == -EINTR || result == -restart;
}

constexpr std::size_t accepted_ahead_max = 16;
constexpr std::size_t lent_buffers_max = 32768;  // of a buffer ring

class uring_backend final : public backend {
public:
    uring_backend(const scheduler_options& options, uring_wish wish, const ring_limits& limits);
    ~uring_backend() override;

    std::string_view name() const noexcept override { return "uring"; }
    std::string description() const { return "backend uring: " + ring_->description(); }
    conduit::kernel& kernel() noexcept override { return linux_kernel(); }
    void enter() override;
    void leave() noexcept override;

    result<registration*> attach(unique_fd handle) override;
    result<unique_fd> detach(registration& idle) noexcept override;
    void close(registration& ended) noexcept override;

    io_operation::progress start(io_operation& op) override;
    void cancel(io_operation& op) noexcept override;
    void withdraw(io_operation& op) noexcept override;
    bool poll(clock::duration wait) override;
    void wake() noexcept override;

private:
    // Trying.
    std::int32_t attempt(io_operation& op) noexcept;
    std::int32_t attempt_taken_before(io_operation& op) noexcept;
    std::int32_t attempt_lent(lent_operation& op) noexcept;
    std::int32_t attempt_promised(lent_operation& op) noexcept;
    std::int32_t attempt_large(lent_operation& op) noexcept;
    void serve_large() noexcept;
    bool may_lend(uring_registration& to) const noexcept;
    std::int32_t receive_into(lent_buffers& lender, lent_operation& op, std::size_t most) noexcept;
    bool is_sent_with_others(const io_operation& op) const noexcept;
    void finish(io_operation& op, std::int32_t outcome) noexcept;
    void forget(io_operation& op) noexcept;

    // Asking the kernel.
    void use(std::unique_ptr<ring> made);
    void arm(request& r) noexcept;
    void end(request& r) noexcept;
    void end_now(request& r) noexcept;
    void watch_wakeup() noexcept;
    void work_off_backlog() noexcept;

    // What the kernel answers.
    void reap() noexcept;
    void completed(request& r, const ring::completed& done) noexcept;
    void transferred(request& r, const ring::completed& done) noexcept;
    void became_ready(request& r, std::int32_t result) noexcept;
    void accepted(request& r, std::int32_t result) noexcept;
    void received(request& r, const ring::completed& done) noexcept;
    void feed(request& r) noexcept;
    void came_to_rest(request& r) noexcept;
    void close_when_idle(uring_registration& ended) noexcept;

    // Lent buffers.
    void keep(uring_registration& handle, arrival came) noexcept;
    void park(io_operation& op) noexcept;
    void distribute() noexcept;
    void retry_in_turn() noexcept;
    void retry(lent_operation& op, std::int32_t outcome) noexcept;

    ring_limits limits_;
    std::unique_ptr<ring> ring_;
    unique_fd wakeup_;
    lent_buffers buffers_;
    lent_buffers large_;  // none of which the ring has
    std::size_t lent_bytes_;
    std::vector<bool> supplied_;  // by number: the ring has it
    std::size_t supplied_count_ = 0;
    std::uint64_t turn_ = 1;
    int attached_ = 0;  // handles
    int forks_ = forks_so_far();
    int reaped_ = 0;  // completions, last time
    bool wakeup_is_watched_ = false;
    bool is_leaving_ = false;
    intrusive_list<request, in_kernel> in_flight_;
    intrusive_list<request, in_backlog> backlog_;
    intrusive_list<request, in_doubt> doubtful_;
    intrusive_list<uring_registration, in_hoard> hoarders_;
    // Receivers, in order: those that had enough in this turn, those that wait for a buffer, and
    // those of them for which one is kept.
    intrusive_list<operation, in_queue> next_turn_;
    intrusive_list<operation, in_queue> starved_;
    intrusive_list<operation, in_queue> wait_for_large_;
    bool serves_large_ = false;
    intrusive_list<operation, in_queue> promised_;
};

std::size_t slot_bytes(std::size_t payload) noexcept {
    constexpr std::size_t alignment = 16;  // of control data
    return (arrival::header_bytes() + payload + alignment - 1) / alignment * alignment;
}

unique_fd make_wakeup() {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) throw std::system_error(error_from_kernel(errno), "eventfd");
    return unique_fd(fd);
}

uring_backend::uring_backend(const scheduler_options& options, uring_wish wish,
                             const ring_limits& limits)
    : limits_(limits),
      wakeup_(make_wakeup()),
      buffers_(std::min(options.lent_buffers(), lent_buffers_max),
               slot_bytes(options.lent_buffer_bytes()), [this] { distribute(); }),
      large_(options.lent_buffers() / others_per_large, options.lent_buffer_bytes() * large_by,
             [this] { serve_large(); }),
      lent_bytes_(options.lent_buffer_bytes()),
      supplied_(buffers_.count()) {
    auto made = std::make_unique<ring>(limits_);
    const auto lacking = std::make_error_code(std::errc::not_supported);
    if (const char* missing = made->missing_operation()) {
        throw std::system_error(lacking, "io_uring of this kernel has no " + std::string(missing));
    }
    if (wish == uring_wish::the_best && !made->is_deferred()) {
        throw std::system_error(lacking, "io_uring of this kernel has no DEFER_TASKRUN");
    }
    use(std::move(made));
}

uring_backend::~uring_backend() {
    CONDUIT_ASSERT(attached_ == 0, "a channel outlived its scheduler");
    ring_.reset();
    for (std::uint32_t i = 0; i < supplied_.size(); ++i) {
        if (supplied_[i]) buffers_.give_back(i);
    }
}

/// What the ring before had as buffers, the new one has.
void uring_backend::use(std::unique_ptr<ring> made) {
    made->make_buffer_group(buffers_.count());
    for (std::uint32_t i = 0; i < supplied_.size(); ++i) {
        if (supplied_[i]) made->supply(static_cast<std::uint16_t>(i), buffers_.memory(i));
    }
    ring_ = std::move(made);
    wakeup_is_watched_ = false;
    distribute();
}

void uring_backend::enter() {
    CONDUIT_ASSERT(forks_ == forks_so_far(), made_before_fork);
    if (ring_->begin_run()) return;
    use(std::make_unique<ring>(limits_));  // the one before is another thread's
    ring_->begin_run();
}

// The kernel keeps nothing between two runs: the next may be on another thread. What waits is asked
// for again then.
void uring_backend::leave() noexcept {
    is_leaving_ = true;
    while (!in_flight_.empty()) {
        for (request& r : in_flight_) end(r);
        work_off_backlog();
        ring_->enter(10ms);
        reap();
    }
    is_leaving_ = false;
    ring_->end_run();
}

result<registration*> uring_backend::attach(unique_fd handle) {
    const auto kind = kernel().kind_of(handle);
    if (!kind) return kind.error();
    auto* made = new uring_registration(*this, std::move(handle), *kind);
    made->taking.must_poll = !made->waits_in_kernel();
    ++attached_;
    return made;
}

result<unique_fd> uring_backend::detach(registration& idle) noexcept {
    auto& handle = static_cast<uring_registration&>(idle);
    for (const side which : {side::taking, side::giving}) end_now(handle.of(which));
    const bool failed = handle.last.value_or(0) < 0;
    if (!handle.received.empty() || !handle.connections.empty() || failed) {
        return std::make_error_code(std::errc::device_or_resource_busy);
    }
    handle.closed = true;
    --attached_;
    return std::move(handle.handle);
}

void uring_backend::close(registration& ended) noexcept {
    auto& handle = static_cast<uring_registration&>(ended);
    handle.closed = true;
    --attached_;
    end_connection(handle);
    for (const side which : {side::taking, side::giving}) {
        if (io_operation* op = handle.pending(which)) cancel(*op);
        end(handle.of(which));
    }
    handle.received.discard(buffers_);
    for (const int fd : handle.connections) ::close(fd);
    handle.connections.clear();
    close_when_idle(handle);
}

void uring_backend::close_when_idle(uring_registration& ended) noexcept {
    if (ended.is_in_flight()) return;
    ended.handle.reset();
    if (io_operation* waiting = std::exchange(ended.closer, nullptr)) waiting->complete(0);
}

// --- trying -------------------------------------------------------------------------------------

io_operation::progress uring_backend::start(io_operation& op) {
    if (op.code() == io_code::close) {
        uring_registration& handle = registration_of(op);
        close(handle);
        op.set_outcome(0);
        if (!handle.handle) return io_operation::progress::done;
        handle.closer = &op;
        return io_operation::progress::waiting;
    }
    const bool sent_with_others = is_sent_with_others(op);
    const std::int32_t outcome = sent_with_others ? would_wait : attempt(op);
    if (outcome != would_wait) {
        op.set_outcome(outcome);
        return io_operation::progress::done;
    }
    registration_of(op).pending(side_of(op.code())) = &op;
    if (op.second_target() != nullptr) op.second_target()->giver = &op;
    request& r = request_of(op);
    const bool queued = intrusive_list<operation, in_queue>::contains(op);
    r.poll_once = r.of == side::giving && !sent_with_others;
    if (!r.is_in_flight() && !queued) arm(r);
    return io_operation::progress::waiting;
}

/// Whether a write is better submitted with others than made by a call of its own, which is quicker
/// for the first but not where the turn has many.
bool uring_backend::is_sent_with_others(const io_operation& op) const noexcept {
    constexpr int many = 8;
    return op.code() == io_code::write && reaped_ >= many &&
           op.target()->kind == handle_kind::stream_socket;
}

/// One try without waiting. Asks the kernel only where it may have something.
std::int32_t uring_backend::attempt(io_operation& op) noexcept {
    if (op.target() == nullptr || op.code() == io_code::shutdown) return try_now(op, {});
    uring_registration& handle = registration_of(op);
    if (side_of(op.code()) == side::giving) return try_now(op, handle.traits);
    const std::int32_t before = attempt_taken_before(op);
    if (before != would_wait) return before;
    const request_kind running = handle.taking.kind;
    const bool takes_ahead = handle.taking.is_in_flight() && running >= request_kind::connections;
    if (takes_ahead && op.code() == io_code::splice) end(handle.taking);
    if (takes_ahead && op.code() != io_code::poll_readable) return would_wait;
    if (op.code() == io_code::receive_lent && handle.large_ahead > 0 && handle.try_to_take) {
        return attempt_large(static_cast<lent_operation&>(op));
    }
    if (op.code() == io_code::receive_lent || op.code() == io_code::accept_many) return would_wait;
    if (op.code() == io_code::read && (!handle.try_to_take || handle.kind == handle_kind::file)) {
        return would_wait;
    }
    const std::int32_t outcome = try_now(op, handle.traits);
    if (op.code() == io_code::read) {
        handle.try_to_take = outcome == static_cast<std::int32_t>(op.size());
    }
    return outcome;
}

/// What the kernel took before anyone asked, or how that ended.
std::int32_t uring_backend::attempt_taken_before(io_operation& op) noexcept {
    uring_registration& handle = registration_of(op);
    const bool nothing = handle.received.empty() && handle.connections.empty();
    if (nothing && !handle.last) return would_wait;
    switch (op.code()) {
        case io_code::receive_lent: return attempt_lent(static_cast<lent_operation&>(op));
        case io_code::poll_readable: return 0;
        case io_code::splice: return nothing ? would_wait : -EBUSY;
        case io_code::read:
            if (nothing) break;
            return handle.received.copy_to(op.buffer(), buffers_);
        case io_code::receive: {
            auto& message = *static_cast<incoming_message*>(op.data().into());
            static_cast<ancillary_data&>(message) = ancillary_data();
            message.from = socket_address();
            if (nothing) break;
            return handle.received.copy_to(message, buffers_);
        }
        case io_code::accept:
        case io_code::accept_many: {
            if (nothing) break;
            const int oldest = handle.connections.front();
            handle.connections.erase(handle.connections.begin());
            return oldest;
        }
        default: return would_wait;
    }
    return *std::exchange(handle.last, std::nullopt);
}

bool uring_backend::may_lend(uring_registration& to) const noexcept {
    if (std::exchange(to.lent_in, turn_) != turn_) to.lent = 0;
    return to.lent < lent_per_turn_max;
}

std::int32_t uring_backend::attempt_lent(lent_operation& op) noexcept {
    uring_registration& handle = registration_of(op);
    if (handle.received.empty()) {
        return handle.last ? *std::exchange(handle.last, std::nullopt) : would_wait;
    }
    if (!may_lend(handle)) {
        next_turn_.push_back(op);
        return would_wait;
    }
    const std::int32_t outcome = handle.received.lend_to(op, buffers_);
    if (outcome > 0) ++handle.lent;
    return outcome;
}

/// A receiver that was parked is given the buffer that came back, past those the ring serves.
std::int32_t uring_backend::attempt_promised(lent_operation& op) noexcept {
    uring_registration& handle = registration_of(op);
    const std::int32_t before = attempt_lent(op);
    const bool queued = intrusive_list<operation, in_queue>::contains(op);
    if (before != would_wait || queued || handle.taking.is_in_flight()) return before;
    if (buffers_.empty()) return would_wait;
    const std::int32_t outcome = receive_into(buffers_, op, lent_bytes_);
    // Nothing is there yet, so that a buffer is not what it waits for.
    if (outcome == would_wait) handle.taking.poll_once = true;
    return outcome;
}

/// Much is received by a call of its own: the ring would cut it into pieces, each with a
/// completion, and those who need it whole would put them together again.
std::int32_t uring_backend::attempt_large(lent_operation& op) noexcept {
    uring_registration& handle = registration_of(op);
    if (!may_lend(handle)) return would_wait;
    if (large_.empty()) {
        wait_for_large_.push_back(op);
        return would_wait;
    }
    const std::int32_t outcome = receive_into(large_, op, large_.bytes_each());
    if (outcome <= 0) return outcome;
    ++handle.lent;
    const bool was_much = static_cast<std::size_t>(outcome) >= 2 * lent_bytes_;
    handle.large_ahead = was_much ? large_ahead_max : handle.large_ahead - 1;
    return outcome;
}

void uring_backend::serve_large() noexcept {
    if (std::exchange(serves_large_, true)) return;  // one came back unused
    while (!large_.empty() && !wait_for_large_.empty()) {
        auto& op = static_cast<lent_operation&>(wait_for_large_.pop_front());
        retry(op, attempt(op));
    }
    serves_large_ = false;
}

/// Receives at once into a buffer that the ring does not have.
std::int32_t uring_backend::receive_into(lent_buffers& lender, lent_operation& op,
                                         std::size_t most) noexcept {
    uring_registration& handle = registration_of(op);
    const std::uint32_t number = *lender.take();
    const std::span<std::byte> memory = lender.memory(number).first(most);
    std::unique_ptr<ancillary_data> came;
    const std::int32_t outcome = read_lent_now(handle, handle.traits, memory, came);
    handle.try_to_take = outcome == static_cast<std::int32_t>(most);
    if (outcome <= 0) {
        lender.give_back(number);
        return outcome;
    }
    lent_buffer loan = lender.lend(number, memory.first(static_cast<std::size_t>(outcome)));
    loan.set_ancillary(std::move(came));
    op.lend(std::move(loan));
    return outcome;
}

void uring_backend::finish(io_operation& op, std::int32_t outcome) noexcept {
    forget(op);
    op.complete(outcome);
}

/// The operation is no longer served. What is in flight for it goes on until it is ended.
void uring_backend::forget(io_operation& op) noexcept {
    if (op.target() == nullptr) return;
    io_operation*& own = op.target()->pending(side_of(op.code()));
    if (own == &op) own = nullptr;
    if (op.second_target() != nullptr && op.second_target()->giver == &op) {
        op.second_target()->giver = nullptr;
    }
    request& r = request_of(op);
    if (r.is_for(op)) r.made_for = nullptr;
    r.cancelled = false;
    r.is_ready = false;
    r.poll_once = false;
    if (!r.is_in_flight()) intrusive_list<request, in_backlog>::remove(r);
    intrusive_list<operation, in_queue>::remove(op);
    if (op.code() == io_code::receive_lent) distribute();  // it may have been promised a buffer
}

void uring_backend::cancel(io_operation& op) noexcept {
    if (op.code() == io_code::close) return;  // it ends by itself
    request& r = request_of(op);
    if (r.is_in_flight() && r.is_for(op)) {
        r.cancelled = true;
        end(r);
    } else {
        finish(op, io_operation::cancelled_outcome);
    }
}

void uring_backend::withdraw(io_operation& op) noexcept {
    if (op.code() == io_code::close) {
        registration_of(op).closer = nullptr;
        return;
    }
    request& r = request_of(op);
    if (r.is_in_flight() && r.is_for(op)) {
        r.withdrawn = true;
        if (r.kind == request_kind::transfer) {
            end_now(r);
        } else {
            end(r);
        }
        r.withdrawn = false;
    }
    forget(op);
}

// --- asking the kernel --------------------------------------------------------------------------

/// Asks for what the waiting operation of this side needs.
void uring_backend::arm(request& r) noexcept {
    io_uring_sqe* next = is_leaving_ ? nullptr : ring_->submission(tag_of(r));
    if (next == nullptr) {
        backlog_.push_back(r);
        return;
    }
    prepare(*next, r, *operation_of(r), lent_bytes_);
    kernel_memory::handed_over(&r);
    r.owner->hold();
    in_flight_.push_back(r);
}

/// Asks the kernel to end a request, which then completes.
void uring_backend::end(request& r) noexcept {
    if (!r.is_in_flight() || r.is_ending) return;
    io_uring_sqe* next = ring_->submission(nobody);
    if (next == nullptr) {
        backlog_.push_back(r);
        return;
    }
    io_uring_prep_cancel64(next, tag_of(r), 0);
    next->flags |= IOSQE_CQE_SKIP_SUCCESS;
    r.is_ending = true;
}

/// Ends a request and waits until the kernel has let go.
void uring_backend::end_now(request& r) noexcept {
    while (r.is_in_flight()) {
        ring_->cancel_now(tag_of(r));
        reap();
    }
}

void uring_backend::work_off_backlog() noexcept {
    intrusive_list<request, in_backlog> again;
    again.take_all(backlog_);
    while (!again.empty()) {
        request& r = again.pop_front();
        if (r.is_in_flight()) {
            end(r);
        } else if (operation_of(r) != nullptr) {
            arm(r);
        }
    }
}

// A multishot poll sees each write as an edge, so the counter is never read.
void uring_backend::watch_wakeup() noexcept {
    if (wakeup_is_watched_) return;
    io_uring_sqe* next = ring_->submission(the_wakeup);
    if (next == nullptr) return;
    io_uring_prep_poll_multishot(next, wakeup_.handle(), POLLIN);
    wakeup_is_watched_ = true;
}

void uring_backend::wake() noexcept {
    constexpr std::uint64_t one = 1;
    static_cast<void>(!::write(wakeup_.handle(), &one, sizeof one));
}

bool uring_backend::poll(clock::duration wait) {
    CONDUIT_ASSERT(forks_ == forks_so_far(), made_before_fork);
    ++turn_;
    retry_in_turn();
    work_off_backlog();
    watch_wakeup();
    const bool must_return = !loop::running().ready.empty() || !next_turn_.empty() ||
                             !wait_for_large_.empty() || !promised_.empty() || !backlog_.empty() ||
                             !wakeup_is_watched_;
    // Where the kernel said that there is more and then brings nothing, it is made to look again:
    // it may forget a stream of TCP after urgent data.
    intrusive_list<request, in_doubt> doubtful;
    doubtful.take_all(doubtful_);
    ring_->enter(must_return || !doubtful.empty() ? clock::duration::zero() : wait);
    reap();
    while (!doubtful.empty()) end(doubtful.pop_front());
    return true;
}

// --- what the kernel answers --------------------------------------------------------------------

void uring_backend::reap() noexcept {
    reaped_ = 0;
    // Not those that come meanwhile: a full queue of submissions may complete some in place.
    for (unsigned left = ring_->completions(); left > 0; --left) {
        const auto done = ring_->completion();
        ++reaped_;
        if (done->tag == nobody) continue;
        if (done->tag == the_wakeup) {
            wakeup_is_watched_ = done->has_more();
        } else {
            completed(*std::bit_cast<request*>(static_cast<std::uintptr_t>(done->tag)), *done);
        }
    }
}

void uring_backend::completed(request& r, const ring::completed& done) noexcept {
    kernel_memory::came_back(&r);
    intrusive_list<request, in_doubt>::remove(r);
    if (!done.has_more()) {
        intrusive_list<request, in_kernel>::remove(r);
        intrusive_list<request, in_backlog>::remove(r);
        r.is_ending = false;
    } else if ((done.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0) {
        doubtful_.push_back(r);
    }
    switch (r.kind) {
        case request_kind::transfer: transferred(r, done); break;
        case request_kind::readiness:
            became_ready(r, done.result);
            if (done.has_more() && operation_of(r) == nullptr) end(r);
            break;
        case request_kind::connection:
        case request_kind::connections: accepted(r, done.result); break;
        case request_kind::buffers: received(r, done); break;
    }
    if (!done.has_more()) came_to_rest(r);
}

void uring_backend::transferred(request& r, const ring::completed& done) noexcept {
    io_operation& op = *r.owner->pending(r.of);
    const bool takes = op.code() == io_code::read;
    if (takes) {
        kernel_memory::take_back(op.buffer());
    } else {
        kernel_memory::hide(op.bytes());
    }
    if (done.result == -EAGAIN) (takes ? r.must_poll : r.poll_once) = true;
    if (r.withdrawn || done.result == -EAGAIN || is_ended(done.result)) return;
    if (r.owner->closed && done.result <= 0) return;  // the end that closing made
    if (takes) {
        r.owner->try_to_take = done.result == static_cast<std::int32_t>(op.size()) ||
                               (done.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    }
    finish(op, done.result);
}

void uring_backend::became_ready(request& r, std::int32_t result) noexcept {
    io_operation* op = operation_of(r);
    if (op == nullptr || r.cancelled || r.owner->closed || is_ended(result)) return;
    if (result < 0) return finish(*op, result);
    // Polling for room, the kernel also tells that the peer closed its side, each time anew.
    if (r.events == POLLOUT && (result & (POLLOUT | POLLERR | POLLHUP)) == 0) {
        r.polls_edges = true;
        return;
    }
    r.is_ready = op->code() == io_code::receive_lent;
    r.owner->try_to_take = true;
    const std::int32_t outcome =
        op->code() == io_code::connect ? connect_outcome(r.owner->handle.handle()) : attempt(*op);
    if (outcome != would_wait) {
        finish(*op, outcome);
    } else if (r.of == side::giving) {
        r.poll_once = true;
    }
}

void uring_backend::accepted(request& r, std::int32_t result) noexcept {
    uring_registration& handle = *r.owner;
    io_operation* op = operation_of(r);
    const bool accepts =
        op != nullptr && (op->code() == io_code::accept || op->code() == io_code::accept_many);
    if (is_ended(result) || result == -EAGAIN) return;
    if (result == -ECONNABORTED) return;  // a peer that gave up while it waited
    if (accepts && (result >= 0 || !handle.closed)) return finish(*op, result);
    if (result < 0) {
        handle.last = result;
    } else if (handle.closed) {
        ::close(result);
    } else {
        try {
            handle.connections.push_back(result);
        } catch (const std::bad_alloc&) {
            ::close(result);
            handle.last = -ENOMEM;  // who accepts hears of it
        }
    }
    feed(r);
    if (handle.connections.size() >= accepted_ahead_max) end(r);
}

void uring_backend::received(request& r, const ring::completed& done) noexcept {
    uring_registration& handle = *r.owner;
    io_operation* op = operation_of(r);
    bool has_bytes = false;
    bool is_much = false;
    if ((done.flags & IORING_CQE_F_BUFFER) != 0) {
        const std::uint32_t number = done.flags >> IORING_CQE_BUFFER_SHIFT;
        supplied_[number] = false;
        --supplied_count_;
        arrival came(number, done.result > 0 ? static_cast<std::size_t>(done.result) : 0,
                     handle.traits.carries_handles && done.result > 0);
        const std::size_t bytes = done.result > 0 ? came.payload(buffers_).size() : 0;
        has_bytes = bytes > 0;
        is_much = bytes >= lent_bytes_ && large_.count() > 0 && handle.is_much(turn_);
        if (has_bytes && !handle.closed) {
            keep(handle, std::move(came));
        } else {
            close_handles_in(came.control(buffers_));
            came.give_back(buffers_);
        }
    }
    if (!has_bytes) {
        if (done.result >= 0) {
            handle.last = 0;
        } else if (done.result == -ENOBUFS) {
            // One that came back since the kernel looked wakes nobody, so it is asked again then.
            const bool none = supplied_count_ == 0;
            if (none && op != nullptr && op->code() == io_code::receive_lent) park(*op);
        } else if (done.result == -EAGAIN) {
            r.must_poll = true;
        } else if (!is_ended(done.result)) {
            handle.last = done.result;
        }
    }
    feed(r);
    if (handle.received.size() >= lent_per_turn_max || is_much) end(r);
}

/// Gives what arrived to the operation that waits for it.
void uring_backend::feed(request& r) noexcept {
    io_operation* op = operation_of(r);
    if (op == nullptr || intrusive_list<operation, in_queue>::contains(*op)) return;
    const std::int32_t outcome = attempt_taken_before(*op);
    if (outcome != would_wait) finish(*op, outcome);
}

/// The kernel has let go of a request. What still waits is asked for again.
void uring_backend::came_to_rest(request& r) noexcept {
    uring_registration& handle = *r.owner;
    r.made_for = nullptr;
    if (uring_registration* polled = std::exchange(r.elsewhere, nullptr)) {
        --polled->polled_by_others;
        if (polled->closed) close_when_idle(*polled);
        polled->release();
    }
    if (io_operation* op = operation_of(r)) {
        if (r.cancelled || handle.closed) {
            finish(*op, io_operation::cancelled_outcome);
        } else if (!intrusive_list<operation, in_queue>::contains(*op)) {
            arm(r);
        }
    }
    if (handle.closed) close_when_idle(handle);
    handle.release();
}

// --- lent buffers -------------------------------------------------------------------------------

void uring_backend::keep(uring_registration& handle, arrival came) noexcept {
    try {
        handle.received.push(std::move(came));
        hoarders_.push_back(handle);
    } catch (const std::bad_alloc&) {
        close_handles_in(came.control(buffers_));
        came.give_back(buffers_);
        handle.last = -ENOMEM;  // bytes are missing from here on
    }
}

/// No buffer was left. Those that hold some and wait for nothing get copies instead.
void uring_backend::park(io_operation& op) noexcept {
    if (!starved_.contains(op)) starved_.push_back(op);
    intrusive_list<uring_registration, in_hoard> all;
    all.take_all(hoarders_);
    while (!all.empty()) {
        uring_registration& hoarder = all.pop_front();
        if (hoarder.received.empty()) continue;
        hoarders_.push_back(hoarder);
        try {
            if (hoarder.taker == nullptr) hoarder.received.leave_buffers(buffers_);
        } catch (const std::bad_alloc&) {
            return hoarders_.take_all(all);
        }
    }
}

/// Free buffers are for those who wait for one, in order, and then for the ring.
void uring_backend::distribute() noexcept {
    if (ring_ == nullptr) return;
    std::size_t kept = 0;
    for ([[maybe_unused]] const operation& op : promised_) ++kept;
    while (buffers_.free() > kept) {
        if (starved_.empty()) {
            const std::uint32_t number = *buffers_.take();
            supplied_[number] = true;
            ++supplied_count_;
            ring_->supply(static_cast<std::uint16_t>(number), buffers_.memory(number));
        } else {
            promised_.push_back(starved_.pop_front());
            ++kept;
        }
    }
}

void uring_backend::retry_in_turn() noexcept {
    intrusive_list<operation, in_queue> again;
    again.take_all(wait_for_large_);
    for (operation& op : again) {  // all large ones are held for longer: the ring's do
        registration_of(static_cast<io_operation&>(op)).large_ahead = 0;
    }
    again.take_all(next_turn_);
    while (!again.empty()) {
        auto& op = static_cast<lent_operation&>(again.pop_front());
        retry(op, attempt(op));
    }
    std::size_t due = 0;
    for ([[maybe_unused]] const operation& op : promised_) ++due;
    for (; due > 0 && !promised_.empty(); --due) {
        auto& op = static_cast<lent_operation&>(promised_.pop_front());
        retry(op, attempt_promised(op));
        distribute();
    }
}

void uring_backend::retry(lent_operation& op, std::int32_t outcome) noexcept {
    if (outcome != would_wait) return finish(op, outcome);
    const bool queued = intrusive_list<operation, in_queue>::contains(op);
    if (!queued && !request_of(op).is_in_flight()) arm(request_of(op));
}

}  // namespace

std::unique_ptr<backend> make_uring_backend(const scheduler_options& options, uring_wish wish,
                                            const ring_limits& limits) {
    auto made = std::make_unique<uring_backend>(options, wish, limits);
    if (options.log()) options.log()(log_level::debug, made->description());  // either may throw
    return made;
}

}  // namespace conduit
