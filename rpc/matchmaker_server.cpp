// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_server.hpp>

#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/matchmaker_service.hpp>
#include <conduit/rpc/detail/registry_store.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace conduit::rpc {
namespace detail {
namespace {

/// Of those that clients send, of which no method of its takes one.
server_options without_handles(server_options options) {
    connection_options each = options.each();
    each.handles_max(0).handles(handle_policy().per_message_max(0));
    options.each(std::move(each));
    return options;
}

}  // namespace

class matchmaker_state {
public:
    explicit matchmaker_state(matchmaker_options options)
        : options_(std::move(options)),
          policy_(std::make_unique<matchmaker_policy>(matchmaker_policy::first_come())),
          store_(options_.state()),
          server_(without_handles(options_.server())),
          saves_(scheduler::current().guests().group_context()) {}

    task<void> start();
    std::size_t use_policy(matchmaker_policy policy);
    task<drain_outcome> run();
    task<drain_outcome> drain();

    rpc::server& server() noexcept { return server_; }
    const matchmaker_service* service() const noexcept { return service_ ? &*service_ : nullptr; }
    const std::string& problem() const noexcept { return problem_; }
    void ask_to_stop() noexcept { asked_.set(); }

private:
    void note_problem(std::string text);
    task<void> keep();
    task<void> save();
    task<void> end_service();

    matchmaker_options options_;
    std::unique_ptr<matchmaker_policy> policy_;  // which the service's table uses
    registry_store store_;
    std::optional<matchmaker_service> service_;
    std::string problem_;
    table_position saved_;
    std::uint64_t saves_done_ = 0;
    std::uint64_t saves_failed_ = 0;
    bool ended_ = false;
    event asked_;
    log_limit lines_;

    rpc::server server_;  // uses what is above
    task_group saves_;
};

void matchmaker_state::note_problem(std::string text) {
    if (text == problem_) return;
    if (text.empty()) {
        lines_.write(log_level::info, "matchmaker: the state is kept again");
    } else {
        lines_.warn("matchmaker: state: " + text +
                    (store_.keeps() ? "" : "; it goes on in memory only"));
    }
    problem_ = std::move(text);
}

task<void> matchmaker_state::start() {
    CONDUIT_ASSERT(!service_, "a matchmaker is started once");
    stored_registry found = co_await store_.open();
    if (!found.problem.empty()) note_problem(std::move(found.problem));
    service_.emplace(options_, found.next_epoch, *policy_);
    if (found.had_predecessor) {
        const registry_adopted adopted = service_->adopt(std::move(found.snapshot));
        lines_.write(log_level::info,
                     fmt::format("matchmaker: epoch {}: {} instances are taken up, {} are not{}{}",
                                 found.next_epoch, adopted.taken, adopted.dropped,
                                 adopted.first_problem.empty() ? "" : ": ", adopted.first_problem));
    }
    server_.offer<matchmaker_interface>(*service_);
    if (!store_.keeps()) co_return;
    co_await save();  // so that no successor has this epoch
    saves_.spawn(keep(), "matchmaker state");
}

std::size_t matchmaker_state::use_policy(matchmaker_policy policy) {
    auto next = std::make_unique<matchmaker_policy>(std::move(policy));
    const std::size_t removed = service_ ? service_->use_policy(*next) : 0;
    policy_ = std::move(next);
    return removed;
}

task<void> matchmaker_state::keep() {
    for (;;) {
        const auto stopped = co_await service_->changed().wait();
        if (stopped) co_return;
        const auto late = co_await sleep_for(options_.save_within());
        if (late) co_return;
        service_->changed().reset();
        if (service_->at() == saved_) continue;
        const clock::time_point begun = clock::now();
        co_await save();
        // A large table must not keep the disk busy all the time.
        constexpr int parts_idle = 4;
        const auto idle = co_await sleep_for((clock::now() - begun) * parts_idle);
        if (idle) co_return;
    }
}

task<void> matchmaker_state::save() {
    const table_position at = service_->at();
    auto saved = co_await store_.save(service_->snapshot());
    if (saved) {
        saved_ = at;
        ++saves_done_;
        note_problem({});
    } else {
        ++saves_failed_;
        note_problem(saved.error().what());
    }
    service_->count("saves", saves_done_);
    service_->count("saves_failed", saves_failed_);
}

task<void> matchmaker_state::end_service() {
    if (std::exchange(ended_, true) || !service_) co_return;
    saves_.request_stop();
    co_await saves_.join();
    if (store_.keeps()) co_await save();
    service_->stop();
}

task<drain_outcome> matchmaker_state::run() {
    co_await asked_.wait();
    // What the caller was asked to end is not asked of what ends it.
    task_group unstoppable(scheduler::current().guests().group_context());
    unstoppable.spawn(end_service(), "matchmaker end");
    co_await unstoppable.join();
    server_.stop();
    co_return co_await server_.run();
}

task<drain_outcome> matchmaker_state::drain() {
    co_await end_service();
    co_return co_await server_.drain();
}

}  // namespace detail

matchmaker_server::matchmaker_server(matchmaker_options options)
    : state_(std::make_unique<detail::matchmaker_state>(std::move(options))) {}

matchmaker_server::~matchmaker_server() = default;

task<void> matchmaker_server::start() { return state_->start(); }

rpc::server& matchmaker_server::server() noexcept { return state_->server(); }

std::size_t matchmaker_server::use_policy(matchmaker_policy policy) {
    return state_->use_policy(std::move(policy));
}

table_position matchmaker_server::at() const noexcept {
    const detail::matchmaker_service* const service = state_->service();
    return service != nullptr ? service->at() : table_position();
}

const std::string& matchmaker_server::state_problem() const noexcept { return state_->problem(); }

task<drain_outcome> matchmaker_server::run() { return state_->run(); }

void matchmaker_server::stop() noexcept { state_->ask_to_stop(); }

task<drain_outcome> matchmaker_server::drain() { return state_->drain(); }

}  // namespace conduit::rpc
