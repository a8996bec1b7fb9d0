// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/detail/watch_pump.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace conduit::rpc::detail {
namespace {

/// Whether asking again can never help.
bool is_final(status code) noexcept {
    return code == status::invalid_argument || code == status::permission_denied ||
           code == status::unimplemented || code == status::unauthenticated;
}

std::chrono::milliseconds wait_asked_by(const fault& why) noexcept {
    return why.retry_after().value_or(std::chrono::milliseconds(0));
}

}  // namespace

watch_pump::watch_pump(std::shared_ptr<matchmaker_verbs> at, name_pattern pattern, start how)
    : at_(std::move(at)),
      pattern_(std::move(pattern)),
      pause_(at_->new_pause()),
      arrived_(queued_max),
      tasks_(at_->tasks_context()) {
    tasks_.spawn(run(how), "matchmaker watch");
}

task<void> watch_pump::run(start how) {
    start next = how;
    while (!failure_ && !stop_requested()) {
        auto there = co_await try_call(next_link(next));
        next = start::waits;
        if (!there) {
            failure_ = there.error();
            break;
        }
        const clock::time_point begun = clock::now();
        auto followed = co_await try_call(follow(std::move(*there)));
        if (!followed) note_failure(followed.error());
        if (failure_) break;
        // One that ends soon, whatever it told before, is begun again less and less often.
        if (clock::now() - begun >= at_->options().back_off_most()) pause_.reset();
        clock::duration pause = pause_.next(at_->dice());
        if (!followed) pause = std::max(pause, clock::duration(wait_asked_by(followed.error())));
        co_await sleep_for(pause);
    }
    if (!failure_) failure_ = fault(status::cancelled, "the matchmaker's client was stopped");
    arrived_.close();
}

void watch_pump::note_failure(const fault& why) {
    if (is_lost(why) || stop_requested()) return;
    if (is_final(why.code()) || seen_ == 0) {
        failure_ = why;
    } else if (!std::exchange(complained_, true)) {
        at_->lines().warn("watch of " + quoted(pattern_.text) + ": " + std::string(why.text()) +
                          "; trying again");
    }
}

task<matchmaker_link_ptr> watch_pump::next_link(start how) {
    if (how == start::must_be_there) co_return co_await at_->source().reach();
    co_return co_await at_->source().until_reached();
}

/// Until the matchmaker is lost, or the watch fails, which it throws.
task<void> watch_pump::follow(matchmaker_link_ptr link) {
    const matchmaker_link_ptr there = std::move(link);
    const std::optional<table_position> from = from_;
    const name_pattern pattern = pattern_;
    stream<watch_event> changes = there->object().watch(pattern, from);
    while (auto event = co_await changes.next()) {
        note(*event);
        complained_ = false;
        auto pushed = co_await arrived_.push(std::move(*event));
        if (!pushed) co_return;
    }
}

/// What was told before a resync is void, and during one there is no way back.
void watch_pump::note(const watch_event& seen) noexcept {
    ++seen_;
    switch (seen.kind) {
        case watch_event_kind::resync:
            is_resyncing_ = true;
            from_ = std::nullopt;
            break;
        case watch_event_kind::present: break;
        case watch_event_kind::complete:
            is_resyncing_ = false;
            from_ = seen.at;
            break;
        case watch_event_kind::change:
            if (!is_resyncing_) from_ = seen.at;
            break;
    }
}

stream<watch_event> watch_pump::events(std::unique_ptr<watch_pump> pump) {
    const std::unique_ptr<watch_pump> own = std::move(pump);
    for (;;) {
        auto event = co_await own->arrived().pop();
        if (event) {
            co_yield std::move(*event);
            continue;
        }
        if (event.error() == errc::closed) throw fault(*own->failure());
        const status code =
            event.error() == errc::timed_out ? status::deadline_exceeded : status::cancelled;
        const fault ended(code, "nothing has changed");
        co_yield failed::with(ended);
    }
}

}  // namespace conduit::rpc::detail
