// SPDX-License-Identifier: BSL-1.0
//
// A simulated kernel in virtual time. Every choice a kernel or a scheduler could make is drawn from
// the seed: which ready task runs next, whether an operation that could complete at once makes its
// task wait, how late completions come, how short transfers are, whether a cancellation is felt
// before or after a result. Time moves when all tasks wait, and a little with each task that runs.

#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/lent_buffers.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace conduit {
namespace {

using namespace std::chrono_literals;

/// Registered handles and their operations have numbers, since addresses differ from run to run.
struct sim_registration final : registration {
    sim_registration(backend& owner, unique_fd attached, handle_kind what,
                     std::uint64_t number) noexcept
        : registration(owner, std::move(attached), what), id(number) {}

    std::uint64_t id;
    std::array<std::uint64_t, 2> waiting{};  // the number of the operation on each side, or 0
    int lent = 0;                            // buffers lent in turn `lent_in`
    std::uint64_t lent_in = 0;
};

/// Something that is due: another try at an operation, or its cancellation.
struct sim_event {
    auto operator<=>(const sim_event&) const noexcept = default;

    clock::time_point due;
    std::uint64_t order = 0;
    std::uint64_t operation = 0;  // stale when that number waits no more
    bool cancels = false;
};

class sim_backend final : public backend {
public:
    explicit sim_backend(const scheduler_options& options)
        : kernel_(options.seed(), [this](const sim_source& changed) { wake_waiters(changed); }),
          buffers_(options.lent_buffers(), options.lent_buffer_bytes(),
                   [this] { feed_starved(); }) {
        hash(options.seed());
    }

    std::string_view name() const noexcept override { return "sim"; }
    conduit::kernel& kernel() noexcept override { return kernel_; }
    bool has_threads() const noexcept override { return false; }
    std::uint64_t event_hash() const noexcept override { return hash_; }

    result<registration*> attach(unique_fd handle) override;
    result<unique_fd> detach(registration& idle) noexcept override;
    void close(registration& ended) noexcept override;

    io_operation::progress start(io_operation& op) override;
    void cancel(io_operation& op) noexcept override;
    void withdraw(io_operation& op) noexcept override { forget(op); }
    bool poll(clock::duration wait) override;
    void wake() noexcept override { woken_ = true; }
    void take_batch(intrusive_list<operation, in_queue>& ready,
                    intrusive_list<operation, in_queue>& batch) noexcept override;

private:
    std::int32_t attempt(io_operation& op);
    std::int32_t attempt_lent(lent_operation& op);
    std::int32_t receive(int handle, io_operation& op);
    void wait_for(io_operation& op, bool retry_soon);
    void finish(io_operation& op, std::int32_t outcome);
    void forget(io_operation& op) noexcept;
    void wake_waiters(const sim_source& changed);
    sim_open& open_of(const registration& target) const noexcept {
        return *kernel_.open_of(target.handle.handle());
    }
    void feed_starved();
    void schedule(std::uint64_t operation, bool cancels);
    void deliver(const sim_event& event);
    clock::duration latency() noexcept;
    std::uint64_t& number_of(const io_operation& op) noexcept {
        auto& target = static_cast<sim_registration&>(*op.target());
        return target.waiting[static_cast<std::size_t>(side_of(op.code()))];
    }
    void hash(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001b3; }

    sim_kernel kernel_;
    std::uint64_t hash_ = 0xcbf29ce484222325;  // FNV-1a, on words
    std::uint64_t numbers_ = 0;
    std::uint64_t turn_ = 0;
    std::atomic<bool> woken_{false};
    std::map<std::uint64_t, io_operation*> waiting_;
    std::set<sim_event> events_;
    std::vector<std::uint64_t> starved_;  // operations that wait for a buffer, in order
    lent_buffers buffers_;
};

result<registration*> sim_backend::attach(unique_fd handle) {
    const auto kind = kernel_.kind_of(handle);
    if (!kind) return kind.error();
    return new sim_registration(*this, std::move(handle), *kind, ++numbers_);
}

result<unique_fd> sim_backend::detach(registration& idle) noexcept {
    idle.closed = true;
    return std::move(idle.handle);
}

void sim_backend::close(registration& ended) noexcept {
    for (const side which : {side::taking, side::giving}) {
        if (io_operation* op = ended.pending(which)) finish(*op, io_operation::cancelled_outcome);
    }
    kernel_.end_connection(ended.handle.handle());
    ended.closed = true;
    ended.handle.reset();
}

io_operation::progress sim_backend::start(io_operation& op) {
    if (op.code() == io_code::close) {
        close(*op.target());
        op.set_outcome(0);
        return io_operation::progress::done;
    }
    if (op.target() == nullptr) {  // open: there are no files
        op.set_outcome(-EOPNOTSUPP);
        return io_operation::progress::done;
    }
    if (op.code() != io_code::shutdown) {
        if (kernel_.choices().chance(25)) {  // what could be done at once is done late
            wait_for(op, true);
            return io_operation::progress::waiting;
        }
    }
    const std::int32_t outcome = attempt(op);
    if (outcome == sim_would_wait) {
        wait_for(op, false);
        return io_operation::progress::waiting;
    }
    hash(static_cast<std::uint64_t>(outcome));
    op.set_outcome(outcome);
    return io_operation::progress::done;
}

std::int32_t sim_backend::attempt(io_operation& op) {
    const int handle = op.target()->handle.handle();
    switch (op.code()) {
        case io_code::read: return kernel_.read(handle, op.buffer());
        case io_code::write: return kernel_.write(handle, op.bytes());
        case io_code::send: {
            return kernel_.send(handle, *static_cast<const outgoing_message*>(op.data().from()));
        }
        case io_code::receive: return receive(handle, op);
        case io_code::receive_lent: return attempt_lent(static_cast<lent_operation&>(op));
        case io_code::accept:
        case io_code::accept_many: return kernel_.accept(handle);
        case io_code::connect: {
            return kernel_.connect(handle, *static_cast<const socket_address*>(op.data().from()));
        }
        case io_code::shutdown: {
            return kernel_.shutdown(handle, static_cast<io_handle::direction>(op.size()));
        }
        case io_code::poll_hang_up: return open_of(*op.target()).hung_up() ? 0 : sim_would_wait;
        case io_code::poll_readable: return open_of(*op.target()).readable() ? 0 : sim_would_wait;
        case io_code::poll_writable: return open_of(*op.target()).writable() ? 0 : sim_would_wait;
        case io_code::splice: {
            return kernel_.splice(handle, op.second_target()->handle.handle(), op.size());
        }
        case io_code::wait_process: return -EBADF;
        case io_code::open:
        case io_code::close: break;
    }
    return -EINVAL;
}

std::int32_t sim_backend::receive(int handle, io_operation& op) {
    auto& message = *static_cast<incoming_message*>(op.data().into());
    return kernel_.receive(handle, message.buffer, message, message.from);
}

std::int32_t sim_backend::attempt_lent(lent_operation& op) {
    auto& target = static_cast<sim_registration&>(*op.target());
    if (std::exchange(target.lent_in, turn_) != turn_) target.lent = 0;
    if (target.lent >= lent_per_turn_max) return sim_would_wait;  // tried again: see wait_for()
    const auto number = buffers_.take();
    if (!number) return sim_would_wait;
    const int handle = target.handle.handle();
    const std::span<std::byte> memory = buffers_.memory(*number);
    auto came = target.kind == handle_kind::pipe ? nullptr : std::make_unique<ancillary_data>();
    socket_address ignored;
    const std::int32_t outcome = came == nullptr ? kernel_.read(handle, memory)
                                                 : kernel_.receive(handle, memory, *came, ignored);
    if (outcome > 0) {
        ++target.lent;
        lent_buffer loan = buffers_.lend(*number, memory.first(static_cast<std::size_t>(outcome)));
        if (came != nullptr && (came->sender || came->truncated || !came->handles.empty())) {
            loan.set_ancillary(std::move(came));
        }
        op.lend(std::move(loan));
    } else {
        buffers_.give_back(*number);
    }
    return outcome;
}

void sim_backend::wait_for(io_operation& op, bool retry_soon) {
    const std::uint64_t number = ++numbers_;
    op.target()->pending(side_of(op.code())) = &op;
    if (op.second_target() != nullptr) op.second_target()->giver = &op;
    number_of(op) = number;
    waiting_.emplace(number, &op);
    hash(number);
    if (op.code() == io_code::receive_lent && !retry_soon) {
        if (buffers_.empty()) {
            starved_.push_back(number);
        } else {
            retry_soon = open_of(*op.target()).readable();
        }
    }
    if (retry_soon) schedule(number, false);
}

void sim_backend::finish(io_operation& op, std::int32_t outcome) {
    forget(op);
    hash(static_cast<std::uint64_t>(outcome));
    op.complete(outcome);
}

void sim_backend::forget(io_operation& op) noexcept {
    const std::uint64_t number = std::exchange(number_of(op), 0);
    op.target()->pending(side_of(op.code())) = nullptr;
    if (op.second_target() != nullptr) op.second_target()->giver = nullptr;
    waiting_.erase(number);
    std::erase(starved_, number);
    if (op.code() == io_code::receive_lent) feed_starved();  // it may have been promised a buffer
}

void sim_backend::cancel(io_operation& op) noexcept {
    if (kernel_.choices().chance(50)) {
        finish(op, io_operation::cancelled_outcome);
    } else {
        schedule(number_of(op), true);
    }
}

/// Who waits on something tries again some time after it has changed.
void sim_backend::wake_waiters(const sim_source& changed) {
    for (const auto& [number, op] : waiting_) {
        bool concerned = open_of(*op->target()).source() == &changed;
        if (op->code() == io_code::splice) {
            concerned = concerned || open_of(*op->second_target()).source() == &changed;
        }
        if (concerned) schedule(number, false);
    }
}

void sim_backend::feed_starved() {
    if (starved_.empty() || buffers_.empty()) return;
    schedule(starved_.front(), false);
    starved_.erase(starved_.begin());
}

clock::duration sim_backend::latency() noexcept {
    const bool tail = kernel_.choices().chance(1);
    return std::chrono::nanoseconds(kernel_.choices().below(tail ? 10'000'000 : 20'000));
}

void sim_backend::schedule(std::uint64_t operation, bool cancels) {
    sim_event event;
    event.due = kernel_.now() + latency();
    event.order = ++numbers_;
    event.operation = operation;
    event.cancels = cancels;
    events_.insert(event);
}

void sim_backend::deliver(const sim_event& event) {
    const auto found = waiting_.find(event.operation);
    if (found == waiting_.end()) return;
    io_operation& op = *found->second;
    hash(event.operation);
    if (event.cancels) return finish(op, io_operation::cancelled_outcome);
    const std::int32_t outcome = attempt(op);
    if (outcome != sim_would_wait) return finish(op, outcome);
    if (op.code() != io_code::receive_lent) return;
    // It waits for a buffer, for its next turn, or for bytes, whose arrival wakes it.
    if (buffers_.empty()) {
        std::erase(starved_, event.operation);
        starved_.push_back(event.operation);
    } else if (open_of(*op.target()).readable()) {
        schedule(event.operation, false);
    }
}

bool sim_backend::poll(clock::duration wait) {
    ++turn_;
    if (woken_.exchange(false)) wait = clock::duration::zero();
    clock::time_point until = saturating_add(kernel_.now(), wait);
    if (events_.empty() && until == clock::time_point::max()) return false;  // nothing ever comes
    if (!events_.empty()) until = std::min(until, std::max(kernel_.now(), events_.begin()->due));
    kernel_.advance_to(until);
    hash(static_cast<std::uint64_t>(until.time_since_epoch().count()));
    while (!events_.empty() && events_.begin()->due <= kernel_.now()) {
        const sim_event due = *events_.begin();
        events_.erase(events_.begin());
        deliver(due);
    }
    return true;
}

/// One task at a time, drawn among those that are ready; each costs a little virtual time, so that
/// a task that never waits cannot stop the clock.
void sim_backend::take_batch(intrusive_list<operation, in_queue>& ready,
                             intrusive_list<operation, in_queue>& batch) noexcept {
    constexpr std::uint64_t drawn_among_max = 64;
    if (ready.empty()) return;
    std::uint64_t count = 0;
    for (auto at = ready.begin(); at != ready.end() && count < drawn_among_max; ++at) ++count;
    const std::uint64_t chosen = kernel_.choices().below(count);
    auto at = ready.begin();
    for (std::uint64_t i = 0; i < chosen; ++i) ++at;
    batch.push_back(*at);
    hash(chosen);
    const std::uint64_t cost = 50 + kernel_.choices().below(50);
    kernel_.advance_to(kernel_.now() + std::chrono::nanoseconds(cost));
}

}  // namespace

std::unique_ptr<backend> make_sim_backend(const scheduler_options& options) {
    return std::make_unique<sim_backend>(options);
}

}  // namespace conduit
