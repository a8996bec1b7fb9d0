// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/detail/announcement_keeper.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

/// What a wait for an event ended with, as a fault.
[[noreturn]] void throw_ended(std::error_code ended, const instance_offer& offer) {
    const status code = ended == errc::timed_out ? status::deadline_exceeded : status::cancelled;
    throw fault(code, quoted(offer.name) + " is not announced yet");
}

}  // namespace

struct announcement_keeper::attempt {
    explicit attempt(matchmaker_link_ptr at) noexcept : link(std::move(at)) {}

    matchmaker_link_ptr link;
    std::optional<announcement> taken;
    std::optional<fault> failed;
    bool is_abandoned = false;
    event done;
};

announcement_keeper::announcement_keeper(std::shared_ptr<matchmaker_verbs> at, instance_offer offer)
    : at_(std::move(at)),
      offer_(std::move(offer)),
      pause_(at_->new_pause()),
      tasks_(at_->tasks_context()) {}

announcement_keeper::~announcement_keeper() {
    if (under_way_ != nullptr) under_way_->is_abandoned = true;
    if (is_up()) at_->withdraw(link_, *id_);
}

void announcement_keeper::begin() { tasks_.spawn(keep(), "announcement"); }

// --- telling the matchmaker ---------------------------------------------------------------------

task<void> announcement_keeper::tell(std::shared_ptr<attempt> of, instance_offer offer) {
    const std::shared_ptr<attempt> self = std::move(of);
    auto taken = co_await try_call(self->link->object().announce(offer));
    if (taken) {
        self->taken = *taken;
    } else {
        self->failed = taken.error();
    }
    self->done.set();
    if (!self->taken || !self->is_abandoned) co_return;
    static_cast<void>(co_await try_call(self->link->object().withdraw(self->taken->id)));
}

task<void> announcement_keeper::announce_at(matchmaker_link_ptr link) {
    const auto made = std::make_shared<attempt>(std::move(link));
    under_way_ = made;
    at_->spawn(tell(made, offer_), "announcing");
    const std::error_code ended = co_await made->done.wait();
    if (ended) throw_ended(ended, offer_);
    under_way_ = nullptr;
    if (made->failed) throw fault(*made->failed);
    take_up(*made);
}

void announcement_keeper::take_up(const attempt& made) {
    link_ = made.link;
    id_ = made.taken->id;
    spread_ = made.taken->spread;
    why_.clear();
    pause_.reset();
    ++times_;
    if (std::exchange(complained_, false)) {
        at_->lines().write(log_level::info, quoted(offer_.name) + " is announced again");
    }
    up_.set();
}

void announcement_keeper::drop(std::string why) {
    link_ = nullptr;
    id_ = std::nullopt;
    why_ = std::move(why);
    up_.reset();
}

task<void> announcement_keeper::announce_first() {
    matchmaker_link_ptr there = co_await at_->source().reach();
    co_await announce_at(std::move(there));
}

// --- without end --------------------------------------------------------------------------------

task<void> announcement_keeper::keep() {
    while (!stop_requested()) {
        co_await hold();
        if (stop_requested()) co_return;
        auto there = co_await try_call(at_->source().until_reached());
        if (stop_requested()) co_return;
        if (!there) {
            why_ = there.error().text();
            if (there.error().code() == status::invalid_argument) at_->lines().warn(why_);
            co_return;
        }
        if (times_ > 0) co_await sleep_for(at_->dice().up_to(spread_));
        const matchmaker_link_ptr& link = *there;
        if (link->lost().is_set()) continue;
        auto done = co_await try_call(announce_at(link));
        if (stop_requested()) co_return;
        if (done) continue;
        why_ = done.error().text();
        if (!link->lost().is_set() && !std::exchange(complained_, true)) {
            at_->lines().warn(quoted(offer_.name) + " is not announced: " + why_ +
                              "; trying again");
        }
        co_await sleep_for(pause_.next(at_->dice()));
    }
}

/// While it is up, looks now and then whether the matchmaker thinks so too.
task<void> announcement_keeper::hold() {
    while (is_up()) {
        const clock::duration half = at_->options().check_every() / 2;
        const clock::time_point due = clock::now() + half + at_->dice().up_to(half);
        co_await within(due, link_->lost().wait());
        if (stop_requested()) co_return;
        if (link_->lost().is_set()) break;
        const bool missing = co_await is_missing();
        if (!missing || stop_requested()) continue;
        const std::string why = "the matchmaker had it no more";
        at_->lines().warn(quoted(offer_.name) + ": " + why + "; announcing it again");
        drop(why);
        co_return;
    }
    if (link_ != nullptr && !stop_requested()) drop("the matchmaker was lost");
}

/// Saying once more what was said changes nothing where it is known, and is refused where not.
task<bool> announcement_keeper::is_missing() {
    const matchmaker_link_ptr there = link_;
    const instance_id id = *id_;
    instance_update same;
    same.weight = offer_.weight;
    same.tags = offer_.tags;
    auto known = co_await try_call(there->object().update(id, same));
    co_return !known && known.error().code() == status::not_found;
}

// --- what its owner wants -----------------------------------------------------------------------

task<void> announcement_keeper::update(instance_update newer) {
    if (auto checked = check_weight(newer.weight); !checked) throw fault(checked.error());
    if (auto checked = check_tags(newer.tags); !checked) throw fault(checked.error());
    while (is_up()) {
        const matchmaker_link_ptr there = link_;
        const instance_id id = *id_;
        auto done = co_await try_call(there->object().update(id, newer));
        if (done) break;
        const bool gone = is_lost(done.error()) || done.error().code() == status::not_found;
        if (!gone) throw fault(done.error());
        if (link_ == there) break;
    }
    offer_.weight = newer.weight;
    offer_.tags = std::move(newer.tags);
}

task<void> announcement_keeper::withdraw() {
    tasks_.request_stop();
    if (const std::shared_ptr<attempt> last = std::exchange(under_way_, nullptr)) {
        const std::error_code ended = co_await last->done.wait();
        last->is_abandoned = static_cast<bool>(ended);
        if (last->taken) take_up(*last);
    }
    if (!is_up()) co_return;
    const matchmaker_link_ptr there = link_;
    const instance_id id = *id_;
    drop("it was withdrawn");
    auto done = co_await try_call(there->object().withdraw(id));
    if (done || is_lost(done.error()) || done.error().code() == status::not_found) co_return;
    at_->withdraw(there, id);
    throw fault(done.error());
}

}  // namespace conduit::rpc::detail
