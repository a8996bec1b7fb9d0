// SPDX-License-Identifier: BSL-1.0
//
// How the matchmaker's service learns that somebody is gone, hangs, cannot be reached, or has not
// come back after a restart.

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/detail/announced_address.hpp>
#include <conduit/rpc/detail/matchmaker_service.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

/// Nobody makes the matchmaker look more often, however often they ask.
constexpr clock::duration looks_apart = 1s;

bool is_running(const instance_owner& owner) {
    auto now = current_kernel().identity_of(owner.pid);
    return now && now->boot == owner.boot && now->start_time == owner.start_time;
}

}  // namespace

void matchmaker_service::remove(instance_id id, gone_reason reason, std::string detail) {
    const instance_ptr known = table_.find(id);
    if (known == nullptr) return;
    // Who has withdrawn leaves as it said it would, however it ends.
    const bool was_leaving = known->state == instance_state::leaving;
    const gone_reason why = was_leaving ? gone_reason::withdrawn : reason;
    ++gone_[why];
    unreached_.erase(id);
    announcers_.remove(id);
    lines_.write(log_level::info,
                 fmt::format("{} {} of user {} at {} is gone: {}{}{}", known->offer.name,
                             to_string(id), known->owner.uid, quoted(known->offer.address),
                             to_string(why), detail.empty() ? "" : ": ", detail));
    table_.remove(id, why, std::move(detail));
}

void matchmaker_service::has_gone(const announcer& who, gone_reason reason, std::string detail) {
    if (stopped_) return;
    for (const instance_id id : who.instances) remove(id, reason, detail);
    settle();
}

void matchmaker_service::is_silent(const announcer& who) {
    for (const instance_id id : who.instances) table_.suspect(id);
    settle();
}

void matchmaker_service::is_back(const announcer& who) {
    for (const instance_id id : who.instances) {
        if (!unreached_.contains(id)) table_.recover(id);
    }
    settle();
}

// --- who cannot be reached ----------------------------------------------------------------------

task<void> matchmaker_service::report_unreachable(instance_id id) {
    const instance_ptr known = table_.find(id);
    if (known == nullptr) {
        throw fault(status::not_found, "there is no instance " + to_string(id));
    }
    const auto asked = unreached_.find(id);
    const bool is_new = asked == unreached_.end();
    if (!is_new && (asked->second.is_asked || clock::now() < asked->second.last + looks_apart)) {
        co_return;
    }
    // Of the matchmaker's own, so that it is none of the caller's who waits for it.
    auto looking = tasks_.spawn(probe(known), "matchmaker probe");
    co_await looking;
}

task<void> matchmaker_service::probe(instance_ptr which) {
    const instance_ptr own = std::move(which);
    unreached& noted = unreached_[own->id];
    noted.is_asked = true;
    noted.last = clock::now();
    auto there = co_await probe_announced(address_of(*own), own->owner.uid, accept_within_);
    const auto found = unreached_.find(own->id);
    if (found != unreached_.end()) found->second.is_asked = false;
    if (table_.find(own->id) == nullptr) {
        unreached_.erase(own->id);
    } else if (there) {
        reached(own->id);
    } else {
        not_reached(*own, there.error());
    }
}

void matchmaker_service::reached(instance_id id) {
    if (unreached_.erase(id) == 0) return;
    // It is suspect as long as its process does not answer either.
    const auto who = announcers_.instances().find(id);
    if (who != announcers_.instances().end() && who->second->missed == 0) table_.recover(id);
    settle();
}

void matchmaker_service::not_reached(const instance& which, const fault& why) {
    if (table_.find(which.id) == nullptr) return;
    // Where another user listens nobody must be sent.
    if (why.code() == status::permission_denied) {
        remove(which.id, gone_reason::hung, why.what());
        return settle();
    }
    unreached& noted = unreached_[which.id];
    noted.last = clock::now();
    if (++noted.failures >= gone_after_) {
        remove(which.id, gone_reason::hung, why.what());
    } else {
        table_.suspect(which.id);
    }
    settle();
    if (!std::exchange(probes_, true)) tasks_.spawn(probe_unreached(), "matchmaker probes");
}

/// Goes again to those who were not reached, as often as the others are pinged.
task<void> matchmaker_service::probe_unreached() {
    while (!unreached_.empty()) {
        const auto stopped = co_await sleep_for(ping_every_);
        if (stopped) co_return;
        std::vector<instance_id> all;
        for (const auto& [id, noted] : unreached_) {
            if (!noted.is_asked) all.push_back(id);
        }
        for (const instance_id id : all) {
            const instance_ptr known = table_.find(id);
            if (known != nullptr) tasks_.spawn(probe(known), "matchmaker probe");
        }
    }
    probes_ = false;
}

// --- over restarts ------------------------------------------------------------------------------

registry_adopted matchmaker_service::adopt(registry_snapshot from) {
    auto now = current_kernel().identity_of(0);
    const boot_id boot = now ? now->boot : boot_id{};
    const auto ended =
        std::erase_if(from.instances, [](const instance& one) { return !is_running(one.owner); });
    // Who comes back spreads that by what the predecessor said, which grew with their number.
    confirm_within_ += std::chrono::milliseconds(from.instances.size());
    registry_adopted adopted = table_.adopt(std::move(from), boot, clock::now() + confirm_within_);
    adopted.dropped += ended;
    if (adopted.first_problem.empty() && ended > 0) adopted.first_problem = "its process has ended";
    using process = std::tuple<std::int32_t, std::uint64_t>;
    std::map<process, std::pair<instance_owner, std::vector<instance_id>>> owners;
    for (const instance& one : table_.snapshot().instances) {
        auto& [owner, ids] = owners[{one.owner.pid, one.owner.start_time}];
        owner = one.owner;
        ids.push_back(one.id);
    }
    for (auto& [key, of] : owners) {
        tasks_.spawn(watch_unconfirmed(of.first, std::move(of.second)), "matchmaker adoption");
    }
    tasks_.spawn(expire(), "matchmaker warming");
    return adopted;
}

/// Until it has had the time to come back its death is noticed by its number.
task<void> matchmaker_service::watch_unconfirmed(instance_owner owner,
                                                 std::vector<instance_id> ids) {
    const std::vector<instance_id> own = std::move(ids);
    auto process = current_kernel().open_process(owner.pid);
    // It runs now, so the handle is on the one that was known.
    const bool has_ended = !process || !is_running(owner);
    std::string detail;
    if (!has_ended) {
        auto handle = io_handle::attach(std::move(*process));
        if (!handle) co_return;
        auto over = co_await within(confirm_within_, handle->readable());
        if (!over) co_return;
        detail = how_ended(handle->owned(), owner.pid);
    }
    for (const instance_id id : own) {
        const instance_ptr known = table_.find(id);
        if (known == nullptr || known->state != instance_state::unconfirmed) continue;
        remove(id, gone_reason::process_ended, detail);
    }
    settle();
}

task<void> matchmaker_service::expire() {
    while (const auto due = table_.next_deadline()) {
        const auto stopped = co_await sleep_until(*due);
        if (stopped) co_return;
        const std::size_t lost = table_.expire(clock::now());
        gone_[gone_reason::lost_in_restart] += lost;
        settle();
    }
}

}  // namespace conduit::rpc::detail
