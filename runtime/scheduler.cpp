// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/detail/thread_pool.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <optional>
#include <stdexcept>

namespace conduit {

class scheduler::state : public loop {
public:
    state(std::unique_ptr<conduit::backend> made, scheduler_options chosen)
        : waits(std::move(made)), options(std::move(chosen)) {
        loop::backend = waits.get();
        loop::inbox = std::make_shared<conduit::inbox>(*waits);
    }

    std::unique_ptr<conduit::backend> waits;
    scheduler_options options;
    std::optional<task_group> guests;  // while running
    std::optional<thread_pool> pool;   // from the first blocking() of a run to its end
    std::int32_t until_poll = 0;       // budget left before the kernel is asked again
};

namespace {

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
    CONDUIT_ASSERT(!state_->guests.has_value(), "a scheduler was destroyed while it runs");
    state_->inbox->abandon_all();
}

scheduler::running::running(scheduler& owner) : owner_(owner) {
    CONDUIT_ASSERT(loop::current == nullptr, "a scheduler already runs on this thread");
    state& s = *owner.state_;
    s.waits->enter();
    loop::current = &s;
    s.context = &s.root;
    s.now = s.waits->kernel().now();
    s.until_poll = 0;
    s.guests.emplace(s.root);
    s.inbox->open();
    s.inbox->accept_work(true);
}

scheduler::running::~running() {
    owner_.drain();
    owner_.state_->guests.reset();
    owner_.state_->pool.reset();
    owner_.state_->waits->leave();
    loop::current = nullptr;
    frame_pool::of_thread().trim();
}

void scheduler::drive(const job& root) {
    if (options().dump_on_sigquit()) watch_sigquit();
    while (!root.is_finished()) turn();
}

void scheduler::turn() {
    state& s = *state_;
    s.counters.turns.add();
    if (s.until_poll <= 0 || (s.batch.empty() && s.ready.empty())) poll();
    while (s.until_poll > 0) {
        if (s.batch.empty() && s.ready.empty()) break;
        if (s.batch.empty()) s.waits->take_batch(s.ready, s.batch);
        while (!s.batch.empty() && s.until_poll > 0) {
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

void scheduler::poll() {
    state& s = *state_;
    s.until_poll = loop::budget_of_turn;
    s.counters.polls.add();
    auto wait = clock::duration::zero();
    if (s.batch.empty() && s.ready.empty() && s.inbox->prepare_to_sleep()) {
        wait = clock::duration::max();
        if (!s.timers.empty()) {
            // Never a difference to a time that has passed: it may be too large to count.
            const clock::time_point now = s.waits->kernel().now();
            wait = std::max(s.timers.next(), now) - now;
        }
    }
    const bool alive = s.waits->poll(wait);
    s.now = s.waits->kernel().now();
    const std::size_t delivered = s.inbox->deliver();
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
