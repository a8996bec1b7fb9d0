// SPDX-License-Identifier: BSL-1.0
//
// The matchmaker's table once more, as simple as can be: vectors that are searched from end to end,
// sums that are added up anew each time, and all that ever happened. registry_model_test.cpp asks
// the table and this the same.

#pragma once

#include "model_rules.hpp"

#include <conduit/rpc/detail/registry.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

class registry_model {
public:
    registry_model(std::uint64_t epoch, std::uint32_t own_uid, const registry_limits& limits,
                   const announce_policy& policy)
        : epoch_(epoch), own_uid_(own_uid), limits_(limits), policy_(&policy) {}

    table_position at() const { return {epoch_, changes_.size()}; }
    bool is_warming() const { return warm_at_.has_value(); }

    verdict announce(const instance_owner& owner, instance_offer offer, announced_instance& out) {
        if (!check_offer(offer)) return model_refusal{status::invalid_argument, ""};
        if (!is_allowed(owner.uid, offer.name)) return model_refusal{status::permission_denied, ""};
        if (!may_hold(owner.uid, offer.name)) return model_refusal{status::permission_denied, "'s"};
        for (instance& one : all_) {
            if (one.offer.name != offer.name || one.offer.address != offer.address) continue;
            if (one.owner.uid != owner.uid) return model_refusal{status::already_exists, ""};
            if (verdict no = growth(owner.uid, one.offer, offer)) return no;
            if (one.state == instance_state::unconfirmed && one.owner == owner) {
                one.offer = offer;
                one.state = instance_state::alive;
                publish(change_kind::changed, one);
                out = {at(), one.id, std::nullopt, true};
                return std::nullopt;
            }
            return take_place(one.id, owner, offer, out);
        }
        const instance added{{epoch_, last_number_ + 1}, owner, offer, instance_state::alive, 0};
        if (verdict no = insert(added)) return no;
        ++last_number_;
        out = {at(), added.id, std::nullopt, false};
        return std::nullopt;
    }

    verdict update(const instance_owner& owner, instance_id id, instance_update update) {
        instance* one = find(id);
        if (one == nullptr) return model_refusal{status::not_found, to_string(id)};
        if (one->owner != owner) return model_refusal{status::permission_denied, to_string(id)};
        instance_offer offer = one->offer;
        offer.weight = update.weight;
        offer.tags = update.tags;
        (void)check_offer(offer);
        if (offer == one->offer) return std::nullopt;
        if (verdict no = growth(owner.uid, one->offer, offer)) return no;
        one->offer = offer;
        publish(change_kind::changed, *one);
        return std::nullopt;
    }

    verdict withdraw(const instance_owner& owner, instance_id id) {
        instance* one = find(id);
        if (one == nullptr) return model_refusal{status::not_found, to_string(id)};
        if (one->owner != owner) return model_refusal{status::permission_denied, to_string(id)};
        if (one->state != instance_state::leaving) set_state(*one, instance_state::leaving);
        return std::nullopt;
    }

    bool suspect(instance_id id) {
        instance* one = find(id);
        if (one == nullptr || one->state != instance_state::alive) return false;
        set_state(*one, instance_state::suspect);
        return true;
    }
    bool recover(instance_id id) {
        instance* one = find(id);
        if (one == nullptr || one->state != instance_state::suspect) return false;
        set_state(*one, instance_state::alive);
        return true;
    }

    bool remove(instance_id id, gone_reason reason) {
        const instance* found = find(id);
        if (found == nullptr) return false;
        const instance gone = *found;
        std::erase_if(all_, [&](const instance& one) { return one.id == id; });
        pass_on(gone.offer.name);
        record(change_kind::gone, reason, gone);
        return true;
    }

    std::size_t use_policy(const announce_policy& policy) {
        policy_ = &policy;
        return remove_those(
            [&](const instance& one) { return !is_allowed(one.owner.uid, one.offer.name); },
            gone_reason::policy);
    }

    std::vector<instance> lookup(instance_query query) const {
        (void)check_query(query);
        std::vector<instance> found;
        for (const instance& one : all_) {
            if (one.state != instance_state::leaving && suits(query, one)) found.push_back(one);
        }
        const auto rank = [](const instance& one) {
            return std::tuple(static_cast<int>(one.state), -std::int64_t{one.offer.weight},
                              -std::int64_t{one.offer.version.major},
                              -std::int64_t{one.offer.version.minor}, one.id);
        };
        std::sort(found.begin(), found.end(),
                  [&](const instance& a, const instance& b) { return rank(a) < rank(b); });
        return found;
    }

    /// All of a pattern, by name and then by id.
    std::vector<instance> list(const name_pattern& pattern) const {
        std::vector<instance> found;
        for (const instance& one : all_) {
            if (includes(pattern, one.offer.name)) found.push_back(one);
        }
        std::sort(found.begin(), found.end(),
                  [](const instance& a, const instance& b) { return key_of(a) < key_of(b); });
        return found;
    }

    verdict wait(std::uint32_t uid, const instance_query& query, waiter_id& out) {
        const auto there = lookup(query);
        if (!there.empty() && there.front().state == instance_state::alive) {
            out = ++last_waiter_;
            served_.emplace_back(out, there.front());
            return std::nullopt;
        }
        if (verdict no = room(uid, registry_resource::waiters, 1)) return no;
        if (verdict no = room(uid, registry_resource::bytes, bytes_of(query))) return no;
        out = ++last_waiter_;
        waiters_.push_back({out, uid, query});
        return std::nullopt;
    }
    bool stop_waiting(waiter_id id) {
        return std::erase_if(waiters_, [&](const auto& one) { return one.id == id; }) +
                   std::erase_if(served_, [&](const auto& one) { return one.first == id; }) !=
               0;
    }
    std::vector<std::pair<waiter_id, instance>> take_served() { return std::exchange(served_, {}); }

    verdict watch(std::uint32_t uid, const name_pattern& pattern,
                  std::optional<table_position> from, watch_opened& out) {
        if (verdict no = room(uid, registry_resource::watches, 1)) return no;
        if (verdict no = room(uid, registry_resource::bytes, bytes_of(pattern))) return no;
        watchers_.push_back({++last_watch_, uid, pattern, {}, {}, phase::due, false});
        watcher& opened = watchers_.back();
        if (from && from->epoch == epoch_ && from->revision <= changes_.size() &&
            changes_.size() - from->revision <= remembered()) {
            opened.is = phase::live;
            for (std::size_t i = from->revision; i < changes_.size(); ++i)
                tell(opened, changes_[i]);
        } else {
            set_readable(opened);
        }
        out = {opened.id, at(), opened.is == phase::live};
        return std::nullopt;
    }
    bool unwatch(watch_id id) {
        std::erase(readable_, id);
        return std::erase_if(watchers_, [&](const auto& one) { return one.id == id; }) != 0;
    }

    std::vector<watch_item> take(watch_id id, std::size_t most) {
        std::vector<watch_item> items;
        for (watcher& who : watchers_) {
            if (who.id != id) continue;
            while (items.size() < most) {
                const auto item = next(who);
                if (!item) break;
                items.push_back(*item);
            }
            if (who.is == phase::live && who.queue.empty()) {
                who.is_readable = false;
                std::erase(readable_, id);
            }
        }
        return items;
    }
    std::vector<watch_id> take_readable() { return std::exchange(readable_, {}); }

    std::vector<instance> snapshot() const {
        std::vector<instance> taken;
        for (const instance& one : all_) {
            if (one.state != instance_state::leaving) taken.push_back(one);
        }
        return taken;
    }
    std::size_t adopt(const std::vector<instance>& from, const boot_id& boot,
                      clock::time_point grace_ends) {
        warm_at_ = grace_ends;
        std::size_t taken = 0;
        for (instance one : from) {
            if (one.owner.boot != boot || !is_allowed(one.owner.uid, one.offer.name)) continue;
            if (!may_hold(one.owner.uid, one.offer.name)) continue;
            one.state = instance_state::unconfirmed;
            if (!insert(one)) ++taken;
        }
        return taken;
    }
    std::size_t expire(clock::time_point now) {
        if (!warm_at_ || now < *warm_at_) return 0;
        warm_at_.reset();
        return remove_those(
            [](const instance& one) { return one.state == instance_state::unconfirmed; },
            gone_reason::lost_in_restart);
    }

    registry_counters counters() const {
        registry_counters now;
        std::set<std::string> names;
        for (const instance& one : all_) names.insert(one.offer.name);
        now.names = names.size();
        now.instances = all_.size();
        now.watches = watchers_.size();
        now.waiters = waiters_.size();
        for (const std::uint32_t uid : everybody()) {
            now.bytes += taken(uid, registry_resource::bytes);
            ++now.users;
        }
        for (const watcher& who : watchers_) now.changes_queued += who.queue.size();
        now.changes_remembered = remembered();
        now.watch_overflows = overflows_;
        return now;
    }

    const std::vector<instance>& all() const { return all_; }

private:
    enum class phase : std::uint8_t { due, telling, completing, live };
    struct watcher {
        watch_id id = 0;
        std::uint32_t uid = 0;
        name_pattern pattern;
        std::optional<index_key> told;
        std::vector<registry_change> queue;
        phase is = phase::due;
        bool is_readable = false;
    };
    struct waiter {
        waiter_id id = 0;
        std::uint32_t uid = 0;
        instance_query query;
    };

    // --- who has what ---------------------------------------------------------------------------
    bool is_allowed(std::uint32_t uid, const std::string& name) const {
        if (name.substr(0, 8) == "conduit." && uid != 0 && uid != own_uid_) return false;
        return policy_->may_announce(uid, name) != announce_right::refused;
    }
    bool may_hold(std::uint32_t uid, const std::string& name) const {
        if (policy_->may_announce(uid, name) == announce_right::shared) return true;
        for (const auto& [held, holder] : holders_) {
            if (held == name) return holder == uid;
        }
        return true;
    }
    void pass_on(const std::string& name) {
        for (auto& [held, holder] : holders_) {
            if (held != name) continue;
            const instance* heir = nullptr;
            for (const instance& one : all_) {
                if (one.offer.name != name) continue;
                if (one.owner.uid == holder) return;
                if (heir == nullptr) heir = &one;
            }
            if (heir != nullptr) {
                holder = heir->owner.uid;
                return;
            }
        }
        std::erase_if(holders_, [&](const auto& one) {
            return one.first == name && std::none_of(all_.begin(), all_.end(), [&](const auto& i) {
                       return i.offer.name == name;
                   });
        });
    }
    instance* find(instance_id id) {
        for (instance& one : all_) {
            if (one.id == id) return &one;
        }
        return nullptr;
    }

    // --- limits ---------------------------------------------------------------------------------
    std::set<std::uint32_t> everybody() const {
        std::set<std::uint32_t> uids;
        for (const auto& one : all_) uids.insert(one.owner.uid);
        for (const auto& one : watchers_) uids.insert(one.uid);
        for (const auto& one : waiters_) uids.insert(one.uid);
        return uids;
    }
    std::size_t taken(std::uint32_t uid, registry_resource what) const {
        std::set<std::string> names;
        std::array<std::size_t, registry_resources> sums{};
        auto& [name_count, instances, watches, waiters, bytes, handles] = sums;
        static_cast<void>(handles);  // which the table does not count
        for (const instance& one : all_) {
            if (one.owner.uid != uid) continue;
            names.insert(one.offer.name);
            ++instances;
            bytes += bytes_of(one.offer);
        }
        name_count = names.size();
        for (const watcher& who : watchers_) {
            if (who.uid != uid) continue;
            ++watches;
            bytes += bytes_of(who.pattern);
            for (const registry_change& change : who.queue) bytes += bytes_of(change);
        }
        for (const waiter& who : waiters_) {
            if (who.uid != uid) continue;
            ++waiters;
            bytes += bytes_of(who.query);
        }
        return sums[static_cast<std::size_t>(what)];
    }
    verdict room(std::uint32_t uid, registry_resource what, std::size_t amount) const {
        std::size_t others = 0;
        std::size_t users = 1;
        for (const std::uint32_t other : everybody()) {
            const std::size_t theirs = other == uid ? 0 : taken(other, what);
            others += theirs;
            if (theirs != 0) ++users;
        }
        const auto limit = limits_.most(what);
        const std::size_t share = (limit.all - std::min(limit.all, others)) / (users + 1);
        const std::size_t own = taken(uid, what);
        if (amount == 0 || own + amount <= std::min(share, limit.per_user)) return std::nullopt;
        const std::string name(to_string(what));
        const bool is_share = share < limit.per_user;
        return model_refusal{status::resource_exhausted,
                             "user " + std::to_string(uid) + " has " + std::to_string(own) + " " +
                                 name + " and wants " + std::to_string(amount) +
                                 " more, of at most " +
                                 std::to_string(is_share ? share : limit.per_user)};
    }
    verdict growth(std::uint32_t uid, const instance_offer& old,
                   const instance_offer& newer) const {
        if (bytes_of(newer) <= bytes_of(old)) return std::nullopt;
        return room(uid, registry_resource::bytes, bytes_of(newer) - bytes_of(old));
    }

    // --- changes --------------------------------------------------------------------------------
    verdict insert(const instance& added) {
        const std::uint32_t uid = added.owner.uid;
        std::size_t there = 0;
        std::size_t own = 0;
        for (const instance& one : all_) {
            if (one.offer.name != added.offer.name) continue;
            ++there;
            if (one.owner.uid == uid) ++own;
        }
        if (there >= limits_.instances_per_name_max()) {
            return model_refusal{status::resource_exhausted, "(instances_per_name_max)"};
        }
        if (verdict no = room(uid, registry_resource::names, own == 0 ? 1 : 0)) return no;
        if (verdict no = room(uid, registry_resource::instances, 1)) return no;
        if (verdict no = room(uid, registry_resource::bytes, bytes_of(added.offer))) return no;
        if (there == 0) holders_.emplace_back(added.offer.name, uid);
        all_.push_back(added);
        publish(change_kind::announced, all_.back());
        return std::nullopt;
    }
    verdict take_place(instance_id old, const instance_owner& owner, const instance_offer& offer,
                       announced_instance& out) {
        const instance gone = *find(old);
        // The new one's bytes count from here on.
        find(old)->offer = offer;
        record(change_kind::gone, gone_reason::replaced, gone);
        std::erase_if(all_, [&](const instance& one) { return one.id == old; });
        all_.push_back({{epoch_, ++last_number_}, owner, offer, instance_state::alive, 0});
        publish(change_kind::announced, all_.back());
        out = {at(), all_.back().id, old, false};
        return std::nullopt;
    }
    template <class Predicate>
    std::size_t remove_those(Predicate predicate, gone_reason reason) {
        std::vector<instance_id> ids;
        for (const instance& one : all_) {
            if (predicate(one)) ids.push_back(one.id);
        }
        for (const instance_id id : ids) remove(id, reason);
        return ids.size();
    }
    void set_state(instance& one, instance_state state) {
        one.state = state;
        publish(change_kind::changed, one);
    }
    void publish(change_kind kind, instance& what) {
        what.revision = changes_.size() + 1;
        record(kind, gone_reason::none, what);
    }
    void record(change_kind kind, gone_reason reason, const instance& what) {
        changes_.push_back(
            {changes_.size() + 1, kind, reason, std::make_shared<instance>(what), {}});
        for (watcher& who : watchers_) tell(who, changes_.back());
        if (kind == change_kind::gone || what.state != instance_state::alive) return;
        std::erase_if(waiters_, [&](const waiter& who) {
            if (!suits(who.query, what)) return false;
            served_.emplace_back(who.id, what);
            return true;
        });
    }
    std::size_t remembered() const {
        std::size_t count = 0;
        std::size_t bytes = 0;
        while (count < changes_.size() && count < limits_.history_changes_max()) {
            bytes += bytes_of(changes_[changes_.size() - count - 1]);
            if (bytes > limits_.history_bytes_max()) break;
            ++count;
        }
        return count;
    }

    // --- watchers -------------------------------------------------------------------------------
    void tell(watcher& who, const registry_change& change) {
        if (!includes(who.pattern, change.what->offer.name) || who.is == phase::due) return;
        if (who.is == phase::telling && (!who.told || *who.told < key_of(*change.what))) return;
        std::size_t bytes = bytes_of(change);
        const bool is_in_share = !room(who.uid, registry_resource::bytes, bytes);
        for (const registry_change& queued : who.queue) bytes += bytes_of(queued);
        if (who.queue.size() == limits_.watch_changes_max() || bytes > limits_.watch_bytes_max() ||
            !is_in_share) {
            who.queue.clear();
            who.told.reset();
            who.is = phase::due;
            ++overflows_;
        } else {
            who.queue.push_back(change);
        }
        set_readable(who);
    }
    void set_readable(watcher& who) {
        if (!who.is_readable) readable_.push_back(who.id);
        who.is_readable = true;
    }
    std::optional<watch_item> next(watcher& who) {
        if (who.is == phase::due) {
            who.is = phase::telling;
            return watch_item{watch_item_kind::resync, at(), {}};
        }
        if (who.is == phase::telling) {
            for (const instance& one : list(who.pattern)) {
                if (who.told && key_of(one) <= *who.told) continue;
                who.told = key_of(one);
                registry_change present;
                present.what = std::make_shared<instance>(one);
                return watch_item{watch_item_kind::present, at(), present};
            }
            who.is = phase::completing;
        }
        if (!who.queue.empty()) {
            const registry_change change = who.queue.front();
            who.queue.erase(who.queue.begin());
            return watch_item{watch_item_kind::change, {epoch_, change.revision}, change};
        }
        if (who.is == phase::live) return std::nullopt;
        who.is = phase::live;
        who.told.reset();
        return watch_item{watch_item_kind::complete, at(), {}};
    }

    std::uint64_t epoch_;
    std::uint32_t own_uid_;
    registry_limits limits_;
    const announce_policy* policy_;
    std::vector<instance> all_;  // in the order of ids
    std::vector<std::pair<std::string, std::uint32_t>> holders_;
    std::vector<registry_change> changes_;  // all of them
    std::vector<watcher> watchers_;
    std::vector<watch_id> readable_;
    std::vector<waiter> waiters_;
    std::vector<std::pair<waiter_id, instance>> served_;
    std::uint64_t last_number_ = 0;
    waiter_id last_waiter_ = 0;
    watch_id last_watch_ = 0;
    std::uint64_t overflows_ = 0;
    std::optional<clock::time_point> warm_at_;
};

}  // namespace conduit::rpc::detail
