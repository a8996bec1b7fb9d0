// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/detail/stall_watch.hpp>
#include <conduit/runtime/detail/thread_pool.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace conduit {

class scheduler::state : public loop {
public:
    state(std::unique_ptr<conduit::backend> made, scheduler_options chosen)
        : waits(std::move(made)), options(std::move(chosen)), stalls(options.stall_limit()) {
        loop::backend = waits.get();
        loop::stall_limit = stalls.limit();
        loop::inbox = std::make_shared<conduit::inbox>(*waits);
    }

    std::unique_ptr<conduit::backend> waits;
    scheduler_options options;
    stall_watch stalls;
    std::optional<task_group> guests;  // while running
    std::optional<thread_pool> pool;   // from the first blocking() of a run to its end
    std::int32_t until_poll = 0;       // budget left before the kernel is asked again
    bool is_hosted = false;            // by another event loop, from the first run_ready() on
};

namespace {

/// Makes a scheduler that of the thread for a while.
class visit {
public:
    explicit visit(loop& here) noexcept : outer_(std::exchange(loop::current, &here)) {}
    visit(const visit&) = delete;
    ~visit() { loop::current = outer_; }

private:
    loop* outer_;
};

class posted_function final : public wakeup {
public:
    explicit posted_function(std::function<void()> work) noexcept : work_(std::move(work)) {}
    void deliver() noexcept override {
        const std::unique_ptr<posted_function> self(this);
        loop::running().counters.posts.add();
        work_();
    }
    void abandon() noexcept override { delete this; }

private:
    std::function<void()> work_;
};

}  // namespace

scheduler::scheduler(const scheduler_options& options)
    : scheduler(make_backend(options), options) {}

scheduler::scheduler(std::unique_ptr<conduit::backend> made, scheduler_options options)
    : state_(std::make_unique<state>(std::move(made), std::move(options))) {
    state_->owner = this;
}

scheduler::~scheduler() {
    const bool runs = state_->guests.has_value() && !state_->is_hosted;
    CONDUIT_ASSERT(!runs && loop::current != state_.get(),
                   "a scheduler was destroyed while it runs");
    if (state_->is_hosted) {
        const visit here(*state_);
        end();
    }
    state_->inbox->abandon_all();
}

scheduler::running::running(scheduler& owner) : owner_(owner) {
    CONDUIT_ASSERT(loop::current == nullptr, "a scheduler already runs on this thread");
    CONDUIT_ASSERT(!owner.state_->is_hosted, "another event loop runs this scheduler");
    owner.begin();
    loop::current = owner.state_.get();
}

scheduler::running::~running() {
    owner_.drain();
    owner_.end();
    loop::current = nullptr;
}

void scheduler::begin() {
    state& s = *state_;
    s.waits->enter();
    s.context = &s.root;
    s.now = s.waits->kernel().now();
    s.stalls.turn_began(s.now, s.counters.resumptions.value());
    s.until_poll = 0;
    s.guests.emplace(s.root);
    s.inbox->open();
    s.inbox->accept_work(true);
}

void scheduler::end() noexcept {
    state_->guests.reset();
    state_->pool.reset();
    state_->waits->leave();
    frame_pool::of_thread().trim();
    spare_blocks::of_thread().trim();
}

void scheduler::drive(const job& root) {
    if (options().dump_on_sigquit()) watch_sigquit();
    while (!root.is_finished()) turn();
    judge_turn(state_->waits->kernel().now());
}

void scheduler::turn() {
    state& s = *state_;
    s.counters.turns.add();
    if (s.until_poll <= 0 || (s.batch.empty() && s.ready.empty())) poll(time_to_sleep());
    run_batches();
}

/// Whether a task is ready to be resumed.
bool scheduler::has_batch() noexcept {
    state& s = *state_;
    if (s.batch.empty() && s.ready.empty()) return false;
    if (s.batch.empty()) s.waits->take_batch(s.ready, s.batch);
    return true;
}

inline void scheduler::resume(operation& next) {
    state& s = *state_;
    next.state_ = operation::state::done;
    s.counters.resumptions.add();
    s.budget = loop::budget_of_turn;
    s.context = next.context_;
    next.waiter_->self().resume();
    s.until_poll -= loop::budget_of_turn - s.budget + 1;
}

void scheduler::run_batches() {
    state& s = *state_;
    if (s.stalls.watches_each(s.now)) return run_watched();
    if (s.until_poll > 0 && has_batch()) s.stalls.begins_with(s.batch.front());
    while (s.until_poll > 0) {
        if (s.batch.empty() && s.ready.empty()) break;
        if (s.batch.empty()) s.waits->take_batch(s.ready, s.batch);
        while (!s.batch.empty() && s.until_poll > 0) {  // resume(), written out: this is hot
            operation& next = s.batch.pop_front();
            next.state_ = operation::state::done;
            s.counters.resumptions.add();
            s.budget = loop::budget_of_turn;
            s.context = next.context_;
            next.waiter_->self().resume();
            s.until_poll -= loop::budget_of_turn - s.budget + 1;
        }
    }
    s.context = &s.root;
}

/// The same, with a look at the clock after each task: there was a stall a while ago.
void scheduler::run_watched() {
    state& s = *state_;
    while (s.until_poll > 0 && has_batch()) {
        operation& next = s.batch.pop_front();
        s.stalls.begins_with(next);
        resume(next);
        const clock::time_point now = s.waits->kernel().now();
        judge_turn(now);
        s.stalls.turn_began(now, s.counters.resumptions.value());
    }
    s.context = &s.root;
}

/// Says so when what ran since the turn began, or since the last look, took too long.
void scheduler::judge_turn(clock::time_point now) noexcept {
    state& s = *state_;
    if (!s.stalls.is_stall(now)) return;
    s.counters.stalls.add();
    try {
        const std::string line = s.stalls.report(now, s.counters.resumptions.value(), s);
        if (!line.empty()) log(log_level::warning, line);
    } catch (const std::bad_alloc&) {  // it is counted
    }
}

void scheduler::note_end(std::string_view what, clock::time_point now) noexcept {
    state_->stalls.note_end(what, state_->ended_at, now);
}

/// How long the backend may wait: not at all while anything is ready.
clock::duration scheduler::time_to_sleep() noexcept {
    state& s = *state_;
    if (!s.batch.empty() || !s.ready.empty() || !s.inbox->prepare_to_sleep()) {
        return clock::duration::zero();
    }
    if (s.timers.empty()) return clock::duration::max();
    // Never a difference to a time that has passed: it may be too large to count.
    const clock::time_point now = s.waits->kernel().now();
    return std::max(s.timers.next(), now) - now;
}

void scheduler::poll(clock::duration wait) {
    state& s = *state_;
    s.until_poll = loop::budget_of_turn;
    s.counters.polls.add();
    // Where the backend does not wait, one look at the clock serves both turns.
    const bool sleeps = wait > clock::duration::zero();
    if (sleeps) judge_turn(s.waits->kernel().now());
    const bool alive = s.waits->poll(wait);
    const clock::time_point now = s.waits->kernel().now();
    if (!sleeps) judge_turn(now);
    s.now = now;
    const std::size_t delivered = s.inbox->deliver();
    s.stalls.turn_began(now, s.counters.resumptions.value(), delivered > 0);
    while (!s.timers.empty() && s.timers.next() <= s.now) {
        s.counters.timers_fired.add();
        s.timers.pop().fire();
    }
    if (!alive && delivered == 0 && s.batch.empty() && s.ready.empty()) {
        throw std::runtime_error("deadlock: nothing can ever happen\n" + dump_tasks());
    }
}

void scheduler::drain() noexcept {
    state& s = *state_;
    s.inbox->accept_work(false);
    s.guests->request_stop();
    do {
        while (!s.guests->empty()) turn();
        s.inbox->deliver();
    } while (!s.guests->empty() || !s.inbox->close_if_empty());
}

bool scheduler::run_ready() {
    state& s = *state_;
    CONDUIT_ASSERT(loop::current == nullptr, "a scheduler already runs on this thread");
    const bool is_first = !s.is_hosted;
    if (is_first) begin();
    s.is_hosted = true;
    const visit here(s);
    if (is_first && options().dump_on_sigquit()) watch_sigquit();
    s.counters.turns.add();
    // What the other loop did since is not the tasks' doing.
    s.stalls.turn_began(s.waits->kernel().now(), s.counters.resumptions.value());
    poll(clock::duration::zero());
    run_batches();
    judge_turn(s.waits->kernel().now());
    if (!s.batch.empty() || !s.ready.empty() || s.waits->has_work()) return true;
    return !s.inbox->prepare_to_sleep();  // last: from now on who sends something wakes the backend
}

int scheduler::native_handle() const {
    const int handle = state_->waits->native_handle();
    if (handle < 0) {
        throw std::system_error(make_error_code(std::errc::not_supported),
                                "only an epoll scheduler runs inside another event loop; this is " +
                                    std::string(backend_name()));
    }
    return handle;
}

clock::time_point scheduler::next_deadline() const noexcept { return state_->timers.next(); }

thread_pool* scheduler::pool() {
    state& s = *state_;
    if (!s.waits->has_threads()) return nullptr;
    if (!s.pool) s.pool.emplace(s.options.blocking_threads_max());
    return &*s.pool;
}

task_group& scheduler::guests() noexcept {
    CONDUIT_ASSERT(loop::current == state_.get(), "spawn on a scheduler from its own thread");
    return *state_->guests;
}

bool scheduler::has_guests() const noexcept {
    return loop::current == state_.get() && state_->guests.has_value();
}

bool scheduler::post(std::function<void()> work) {
    auto item = std::make_unique<posted_function>(std::move(work));
    if (!state_->inbox->send_work(*item)) return false;
    static_cast<void>(item.release());  // it deletes itself when delivered
    return true;
}

std::string_view scheduler::backend_name() const noexcept { return state_->waits->name(); }

const conduit::counters& scheduler::counters() const noexcept { return state_->loop::counters; }

std::uint64_t scheduler::event_hash() const noexcept { return state_->waits->event_hash(); }

void scheduler::log(log_level level, std::string_view line) const {
    if (state_->options.log()) state_->options.log()(level, line);
}

const scheduler_options& scheduler::options() const noexcept { return state_->options; }

const std::shared_ptr<conduit::inbox>& scheduler::inbox() const noexcept {
    return state_->loop::inbox;
}

clock::time_point clock::now() noexcept {
    loop* here = loop::current;
    return here != nullptr ? here->backend->kernel().now() : linux_kernel().now();
}

}  // namespace conduit
