// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/reach_table.hpp>

#include <algorithm>
#include <chrono>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration looks_apart_most = 1s;

}  // namespace

reach_table::reach_table(clock::duration ping_every, unsigned gone_after)
    : ping_every_(ping_every),
      looks_apart_(std::min(looks_apart_most, ping_every)),
      gone_after_(gone_after) {}

void reach_table::set_due(instance_id id, entry& of, clock::time_point when) {
    if (of.due) {
        if (*of.due <= when) return;
        due_.erase({*of.due, id});
    }
    of.due = when;
    due_.insert({when, id});
}

void reach_table::tell(entry& of) noexcept {
    if (of.asked == nullptr) return;
    std::exchange(of.asked, nullptr)->over.set();
}

std::shared_ptr<reach_look> reach_table::ask(instance_id id, clock::time_point now) {
    entry& of = known_[id];
    if (of.asked == nullptr) of.asked = std::make_shared<reach_look>();
    if (!of.is_looked_at) {
        const bool was_looked_at = of.looked != clock::time_point::min();
        set_due(id, of, was_looked_at ? std::max(now, of.looked + looks_apart_) : now);
    }
    return of.asked;
}

reach_verdict reach_table::failed(instance_id id, clock::time_point now) {
    entry& of = known_[id];
    if (of.failures == 0) {
        ++unreached_;
    } else if (now < of.counted + ping_every_ / 2) {
        return reach_verdict::known;
    }
    of.counted = now;
    if (!of.is_looked_at) set_due(id, of, now + ping_every_);
    return ++of.failures >= gone_after_ ? reach_verdict::gone : reach_verdict::suspect;
}

bool reach_table::reached(instance_id id) {
    const auto found = known_.find(id);
    if (found == known_.end() || found->second.failures == 0) return false;
    found->second.failures = 0;
    --unreached_;
    return true;
}

std::vector<instance_id> reach_table::take_due(clock::time_point now) {
    std::vector<instance_id> taken;
    while (!due_.empty() && due_.begin()->first <= now && looking_ < looks_most) {
        const instance_id id = due_.begin()->second;
        due_.erase(due_.begin());
        const auto found = known_.find(id);
        entry& of = found->second;
        of.due = std::nullopt;
        if (of.failures == 0 && of.asked == nullptr) {
            known_.erase(found);  // well, and long enough ago
            continue;
        }
        of.is_looked_at = true;
        of.looked = now;
        ++looking_;
        taken.push_back(id);
    }
    return taken;
}

void reach_table::ended(instance_id id, clock::time_point now, std::optional<fault> failed) {
    --looking_;
    const auto found = known_.find(id);
    if (found == known_.end()) return;
    entry& of = found->second;
    of.is_looked_at = false;
    if (of.asked != nullptr) of.asked->failed = std::move(failed);
    tell(of);
    // Also of who is well: until then it is known that there was a look.
    set_due(id, of, of.failures > 0 ? now + ping_every_ : of.looked + looks_apart_);
}

std::optional<clock::time_point> reach_table::next_due() const noexcept {
    if (due_.empty() || looking_ == looks_most) return std::nullopt;
    return due_.begin()->first;
}

void reach_table::forget(instance_id id) noexcept {
    const auto found = known_.find(id);
    if (found == known_.end()) return;
    entry& of = found->second;
    if (of.failures > 0) --unreached_;
    if (of.due) due_.erase({*of.due, id});
    tell(of);
    known_.erase(found);
}

void reach_table::stop() noexcept {
    for (auto& [id, of] : known_) tell(of);
}

bool reach_table::is_asked(instance_id id) const noexcept {
    const auto found = known_.find(id);
    return found != known_.end() && found->second.asked != nullptr;
}

bool reach_table::is_unreached(instance_id id) const noexcept {
    const auto found = known_.find(id);
    return found != known_.end() && found->second.failures > 0;
}

}  // namespace conduit::rpc::detail
