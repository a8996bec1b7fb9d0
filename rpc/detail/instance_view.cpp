// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/instance_view.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {

instance_view::instance_view(instance_query query, clock::duration keep_missing)
    : query_(std::move(query)), keep_missing_(keep_missing) {}

bool instance_view::answers(const instance& what) const noexcept {
    return what.offer.name == query_.name && what.state != instance_state::leaving &&
           matches(query_, what);
}

void instance_view::put(const instance& what) {
    if (!is_resyncing_) kept_.erase(what.offer.address);
    if (answers(what)) {
        known_.insert_or_assign(what.id, what);
    } else {
        known_.erase(what.id);
    }
}

void instance_view::apply(const watch_event& event, clock::time_point now) {
    switch (event.kind) {
        case watch_event_kind::resync: begin_resync(event); return;
        case watch_event_kind::present: put(event.what); return;
        case watch_event_kind::complete: complete(event, now); return;
        case watch_event_kind::change: break;
    }
    at_ = event.at;
    if (event.change != change_kind::gone) {
        put(event.what);
        return;
    }
    known_.erase(event.what.id);
    kept_.erase(event.what.offer.address);
}

/// A resync that breaks off is followed by another one: what was known before the first counts.
void instance_view::begin_resync(const watch_event& event) {
    if (!is_resyncing_) {
        before_ = std::move(known_);
        epoch_before_ = at_.epoch;
    }
    known_.clear();
    is_resyncing_ = true;
    at_ = event.at;
}

/// In the same epoch what is missing is gone; in a new one it may not have come back yet. What is
/// kept already has its time.
void instance_view::complete(const watch_event& event, clock::time_point now) {
    at_ = event.at;
    is_resyncing_ = false;
    const bool has_restarted = is_known_ && epoch_before_ != at_.epoch;
    is_known_ = true;
    for (const auto& [id, old] : before_) {
        if (has_restarted) kept_.insert_or_assign(old.offer.address, old);
    }
    before_.clear();
    for (const auto& [id, each] : known_) kept_.erase(each.offer.address);
    if (has_restarted) kept_until_ = saturating_add(now, keep_missing_);
}

std::optional<clock::time_point> instance_view::next_deadline() const noexcept {
    if (kept_.empty()) return std::nullopt;
    return kept_until_;
}

void instance_view::expire(clock::time_point now) {
    if (now >= kept_until_) kept_.clear();
}

std::vector<instance> instance_view::instances() const {
    const auto& there = is_resyncing_ ? before_ : known_;
    std::vector<instance> all;
    for (const auto& [id, each] : there) all.push_back(each);
    std::sort(all.begin(), all.end(), comes_before);
    for (const auto& [address, each] : kept_) all.push_back(each);
    return all;
}

std::vector<std::string> instance_view::addresses() const {
    const std::vector<instance> all = instances();
    const auto is_first_choice = [](const instance& each) {
        return each.state != instance_state::suspect && each.offer.weight > 0;
    };
    const bool has_choice = std::any_of(all.begin(), all.end(), is_first_choice);
    std::vector<std::string> addresses;
    for (const instance& each : all) {
        if (has_choice && !is_first_choice(each)) continue;
        const std::string& address = each.offer.address;
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
            addresses.push_back(address);
        }
    }
    return addresses;
}

}  // namespace conduit::rpc::detail
