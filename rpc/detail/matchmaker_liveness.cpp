// SPDX-License-Identifier: BSL-1.0
//
// How the matchmaker's service learns that somebody is gone, hangs, cannot be reached, or has not
// come back after a restart.

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/detail/announced_address.hpp>
#include <conduit/rpc/detail/matchmaker_service.hpp>
#include <conduit/rpc/detail/own_shortage.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

/// Of one user's that make the matchmaker look: who reports what others report costs nothing.
constexpr std::uint32_t reports_burst = 64;
constexpr std::uint32_t reports_per_second = 16;

/// How soon, where there was no descriptor left to look.
constexpr clock::duration looks_again_after = 100ms;

/// Whether a fault is about who was looked at, and not about who looked.
bool says_of_instance(const fault& why) noexcept {
    return why.code() == status::unavailable || why.code() == status::permission_denied;
}

/// Nothing where this process cannot say: it has no descriptor left to look, or the process is of
/// another namespace and has no number here.
std::optional<bool> is_running(const instance_owner& owner) {
    if (!has_number(owner)) return std::nullopt;
    auto now = current_kernel().identity_of(owner.pid);
    if (now) return now->boot == owner.boot && now->start_time == owner.start_time;
    if (now.error() == std::errc::no_such_process) return false;
    return std::nullopt;
}

/// Waits until a process has ended, and yields how; nothing more where that is not known.
task<result<std::string>> until_ended(instance_owner owner) {
    auto process = current_kernel().open_process(owner.pid);
    if (process.error() == std::errc::no_such_process) co_return std::string();
    if (!process) co_return process.error();
    // If it runs now, the handle is on the one that was known.
    if (is_running(owner) == false) co_return std::string();
    auto handle = io_handle::attach(std::move(*process));
    if (!handle) co_return handle.error();
    auto over = co_await handle->readable();
    if (!over) co_return over.error();
    co_return how_ended(handle->owned(), owner.pid);
}

/// What a successor has to know of a host before it believes anything.
boot_id boot_of_host() {
    auto now = current_kernel().identity_of(0);
    if (now) return now->boot;
    if (!is_own_shortage(now.error())) return {};
    throw fault(status::resource_exhausted,
                "it cannot be said which boot this is: " + now.error().message());
}

}  // namespace

void matchmaker_service::remove(instance_id id, gone_reason reason, std::string detail) {
    const instance_ptr known = table_.find(id);
    if (known == nullptr) return;
    // Who has withdrawn leaves as it said it would, however it ends.
    const bool was_leaving = known->state == instance_state::leaving;
    const gone_reason why = was_leaving ? gone_reason::withdrawn : reason;
    ++gone_[why];
    reach_.forget(id);
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
        if (!reach_.is_unreached(id)) table_.recover(id);
    }
    settle();
}

// --- who cannot be reached ----------------------------------------------------------------------

task<void> matchmaker_service::report_unreachable(instance_id id) {
    const instance_id own = id;
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    check_running();
    if (table_.find(own) == nullptr) {
        throw fault(status::not_found, "there is no instance " + to_string(own));
    }
    if (!reach_.is_asked(own) && !may_report(who.uid)) {
        throw fault(status::resource_exhausted,
                    fmt::format("user {} reports more than {} instances at a time, or {} a second",
                                who.uid, reports_burst, reports_per_second));
    }
    // The look is the matchmaker's own, so that it is none of the caller's who waits for it.
    const std::shared_ptr<reach_look> asked = reach_.ask(own, clock::now());
    want_looks();
    co_await asked->over.wait();
    if (asked->failed) throw fault(*asked->failed);
}

/// Each instance that is healthy costs a look.
bool matchmaker_service::may_report(std::uint32_t uid) {
    constexpr std::size_t users_most = 4096;  // that are remembered
    if (reports_.size() >= users_most && !reports_.contains(uid)) reports_.clear();
    const token_bucket full(reports_burst, reports_per_second);
    return reports_.try_emplace(uid, full).first->second.take(clock::now());
}

task<void> matchmaker_service::look_at(instance_ptr which) {
    const instance_ptr own = std::move(which);
    auto there = co_await probe_announced(address_of(*own), own->owner.uid, accept_within_);
    if (there) {
        reached(own->id);
        reach_.ended(own->id, clock::now());
    } else {
        const fault& why = there.error();
        const bool was_looked = says_of_instance(why);
        if (was_looked) not_reached(*own, why);
        reach_.ended(own->id, clock::now(), was_looked ? std::optional<fault>() : why);
    }
    looks_changed_.set();
}

void matchmaker_service::begin_looks() {
    for (const instance_id id : reach_.take_due(clock::now())) {
        const instance_ptr known = table_.find(id);
        if (known == nullptr) {
            reach_.forget(id);
            reach_.ended(id, clock::now());
        } else {
            tasks_.spawn(look_at(known), "matchmaker look");
        }
    }
}

task<void> matchmaker_service::keep_looking() {
    while (!stop_requested()) {
        looks_changed_.reset();
        begin_looks();
        if (const auto due = reach_.next_due()) {
            co_await within(*due, looks_changed_.wait());
        } else {
            co_await looks_changed_.wait();
        }
    }
}

void matchmaker_service::want_looks() {
    looks_changed_.set();
    if (!std::exchange(looks_, true)) tasks_.spawn(keep_looking(), "matchmaker looks");
}

/// After changes of the table that leave nobody to tell who is gone.
void matchmaker_service::forget_gone() noexcept {
    reach_.forget_if([this](instance_id id) { return table_.find(id) == nullptr; });
}

void matchmaker_service::reached(instance_id id) {
    if (!reach_.reached(id)) return;
    // It is suspect as long as its process does not answer either.
    if (announcers_.is_heard(id)) table_.recover(id);
    settle();
}

void matchmaker_service::not_reached(const instance& which, const fault& why) {
    if (table_.find(which.id) == nullptr) return;
    // Where another user listens nobody must be sent.
    const reach_verdict now = why.code() == status::permission_denied
                                  ? reach_verdict::gone
                                  : reach_.failed(which.id, clock::now());
    if (now == reach_verdict::gone) {
        remove(which.id, gone_reason::hung, why.what());
    } else {
        // Also where that was known: who connects would otherwise choose it again at once.
        const bool was_alive = table_.suspect(which.id);
        if (now == reach_verdict::known && !was_alive) return;
        want_looks();
    }
    settle();
}

// --- over restarts ------------------------------------------------------------------------------

registry_adopted matchmaker_service::adopt(registry_snapshot from) {
    const boot_id boot = boot_of_host();
    const auto ended = std::erase_if(
        from.instances, [](const instance& one) { return is_running(one.owner) == false; });
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
        if (!has_number(of.first)) continue;
        tasks_.spawn(watch_unconfirmed(of.first, std::move(of.second)), "matchmaker adoption");
    }
    tasks_.spawn(expire(), "matchmaker warming");
    return adopted;
}

/// Until it has had the time to come back its death is noticed by its number.
task<void> matchmaker_service::watch_unconfirmed(instance_owner owner,
                                                 std::vector<instance_id> ids) {
    const std::vector<instance_id> own = std::move(ids);
    const clock::time_point due = clock::now() + confirm_within_;
    std::optional<std::string> how;
    while (!how) {
        auto ended = co_await within(due, until_ended(owner));
        if (ended) {
            how = std::move(*ended);
        } else if (!is_own_shortage(ended.error())) {
            co_return;
        } else {
            // Nobody has gone for that. There may be room again.
            const auto late = co_await within(due, sleep_for(looks_again_after));
            if (late) co_return;
        }
    }
    for (const instance_id id : own) {
        const instance_ptr known = table_.find(id);
        if (known == nullptr || known->state != instance_state::unconfirmed) continue;
        remove(id, gone_reason::process_ended, *how);
    }
    settle();
}

task<void> matchmaker_service::expire() {
    while (const auto due = table_.next_deadline()) {
        const auto stopped = co_await sleep_until(*due);
        if (stopped) co_return;
        const std::size_t lost = table_.expire(clock::now());
        forget_gone();
        gone_[gone_reason::lost_in_restart] += lost;
        settle();
    }
}

}  // namespace conduit::rpc::detail
