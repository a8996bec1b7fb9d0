// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry.hpp>

#include <conduit/rpc/detail/registry_name.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {
namespace {

const announce_policy& first_come() noexcept {
    static const first_come_policy policy;
    return policy;
}

}  // namespace

registry::registry(std::uint64_t epoch, std::uint32_t own_uid, const registry_limits& limits)
    : registry(epoch, own_uid, limits, first_come()) {}

registry::registry(std::uint64_t epoch, std::uint32_t own_uid, const registry_limits& limits,
                   const announce_policy& policy)
    : epoch_(epoch),
      own_uid_(own_uid),
      instances_per_name_max_(limits.instances_per_name_max()),
      policy_(&policy),
      shares_(limits),
      history_(limits),
      watches_(limits, shares_),
      waiters_(shares_) {}

// --- who may ------------------------------------------------------------------------------------

result<announce_right, fault> registry::check_right(std::uint32_t uid,
                                                    const std::string& name) const {
    if (is_reserved_name(name) && uid != 0 && uid != own_uid_) {
        return fault(status::permission_denied,
                     "names that begin with 'conduit.' are the matchmaker's own");
    }
    const announce_right right = policy_->may_announce(uid, name);
    if (right != announce_right::refused) return right;
    return fault(status::permission_denied,
                 fmt::format("the policy does not let user {} announce '{}'", uid, name));
}

result<void, fault> registry::check_holder(std::uint32_t uid, const std::string& name,
                                           announce_right right) const {
    const auto holder = index_.holder(name);
    if (!holder || *holder == uid || right == announce_right::shared) return {};
    return fault(status::permission_denied, fmt::format("'{}' is user {}'s", name, *holder));
}

result<instance_ptr, fault> registry::own(const instance_owner& owner, instance_id id) const {
    instance_ptr found = index_.find(id);
    if (found == nullptr) return no_such(id);
    if (found->owner == owner) return found;
    return fault(status::permission_denied,
                 fmt::format("instance {} is another process's", to_string(id)));
}

instance_ptr registry::at_address(const instance_offer& offer) const {
    for (const instance_ptr& one : index_.of_name(offer.name)) {
        if (one->offer.address == offer.address) return one;
    }
    return nullptr;
}

bool registry::has_name(std::uint32_t uid, const std::string& name) const {
    const auto of_name = index_.of_name(name);
    return std::any_of(of_name.begin(), of_name.end(),
                       [&](const instance_ptr& one) { return one->owner.uid == uid; });
}

// --- what it costs ------------------------------------------------------------------------------

/// Of what is not there yet.
result<void, fault> registry::charge(std::uint32_t uid, const instance_offer& offer) {
    const std::size_t there = index_.of_name(offer.name).size();
    if (there >= instances_per_name_max_) {
        ++refused_per_name_;
        return fault(status::resource_exhausted,
                     fmt::format("'{}' has {} instances, of at most {} (instances_per_name_max)",
                                 offer.name, there, instances_per_name_max_));
    }
    const std::size_t names = has_name(uid, offer.name) ? 0 : 1;
    std::string why = shares_.take(uid, registry_resource::names, names);
    if (!why.empty()) return fault(status::resource_exhausted, why);
    why = shares_.take(uid, registry_resource::instances, 1);
    if (why.empty()) {
        why = shares_.take(uid, registry_resource::bytes, bytes_of(offer));
        if (why.empty()) return {};
        shares_.give_back(uid, registry_resource::instances, 1);
    }
    shares_.give_back(uid, registry_resource::names, names);
    return fault(status::resource_exhausted, why);
}

/// Of what is not there any more.
void registry::give_back(std::uint32_t uid, const instance_offer& offer) noexcept {
    shares_.give_back(uid, registry_resource::bytes, bytes_of(offer));
    shares_.give_back(uid, registry_resource::instances, 1);
    if (!has_name(uid, offer.name)) shares_.give_back(uid, registry_resource::names, 1);
}

result<void, fault> registry::charge_instead(std::uint32_t uid, std::size_t old_bytes,
                                             std::size_t new_bytes) {
    if (new_bytes <= old_bytes) {
        shares_.give_back(uid, registry_resource::bytes, old_bytes - new_bytes);
        return {};
    }
    std::string why = shares_.take(uid, registry_resource::bytes, new_bytes - old_bytes);
    if (why.empty()) return {};
    return fault(status::resource_exhausted, why);
}

// --- offers -------------------------------------------------------------------------------------

result<void, fault> registry::check(const instance_owner& owner, instance_offer& offer) const {
    if (auto checked = check_offer(offer); !checked) return checked.error();
    auto right = check_right(owner.uid, offer.name);
    if (!right) return right.error();
    return check_holder(owner.uid, offer.name, *right);
}

result<announced_instance, fault> registry::announce(const instance_owner& owner,
                                                     instance_offer offer) {
    if (auto checked = check(owner, offer); !checked) return checked.error();
    if (const instance_ptr known = at_address(offer); known != nullptr) {
        if (known->owner.uid != owner.uid) {
            return fault(status::already_exists,
                         fmt::format("'{}' is offered at this address by user {}", offer.name,
                                     known->owner.uid));
        }
        if (known->state == instance_state::unconfirmed && known->owner == owner) {
            return confirm(known, std::move(offer));
        }
        return replace(known, owner, std::move(offer));
    }
    const instance_id id{epoch_, last_number_ + 1};
    auto inserted = insert({id, owner, std::move(offer), instance_state::alive, 0});
    if (!inserted) return inserted.error();
    last_number_ = id.number;
    return announced_instance{at(), id, std::nullopt, false};
}

result<void, fault> registry::check_room(const instance_owner& owner, const instance_offer& offer) {
    if (at_address(offer) != nullptr) return {};  // whose place it takes
    auto charged = charge(owner.uid, offer);
    if (charged) give_back(owner.uid, offer);
    return charged;
}

result<void, fault> registry::insert(const instance& added) {
    auto charged = charge(added.owner.uid, added.offer);
    if (!charged) return charged;
    instance_ptr made = make(added);
    index_.insert(made);
    publish(change_kind::announced, gone_reason::none, std::move(made));
    return {};
}

result<announced_instance, fault> registry::confirm(const instance_ptr& known,
                                                    instance_offer offer) {
    auto charged = charge_instead(known->owner.uid, bytes_of(known->offer), bytes_of(offer));
    if (!charged) return charged.error();
    instance newer = *known;
    newer.offer = std::move(offer);
    newer.state = instance_state::alive;
    change(newer);
    return announced_instance{at(), newer.id, std::nullopt, true};
}

result<announced_instance, fault> registry::replace(const instance_ptr& old,
                                                    const instance_owner& owner,
                                                    instance_offer offer) {
    auto charged = charge_instead(owner.uid, bytes_of(old->offer), bytes_of(offer));
    if (!charged) return charged.error();
    const instance_id id{epoch_, ++last_number_};
    publish(change_kind::gone, gone_reason::replaced, old);
    instance_ptr made = make({id, owner, std::move(offer), instance_state::alive, 0});
    index_.replace(old->id, made);
    publish(change_kind::announced, gone_reason::none, std::move(made));
    return announced_instance{at(), id, old->id, false};
}

result<table_position, fault> registry::update(const instance_owner& owner, instance_id id,
                                               instance_update update) {
    if (auto checked = check_weight(update.weight); !checked) return checked.error();
    if (auto checked = check_tags(update.tags); !checked) return checked.error();
    auto known = own(owner, id);
    if (!known) return known.error();
    instance newer = **known;
    newer.offer.weight = update.weight;
    newer.offer.tags = std::move(update.tags);
    if (newer == **known) return at();
    auto charged = charge_instead(owner.uid, bytes_of((*known)->offer), bytes_of(newer.offer));
    if (!charged) return charged.error();
    change(newer);
    return at();
}

result<table_position, fault> registry::withdraw(const instance_owner& owner, instance_id id) {
    auto known = own(owner, id);
    if (!known) return known.error();
    if ((*known)->state == instance_state::leaving) return at();
    instance newer = **known;
    newer.state = instance_state::leaving;
    change(newer);
    return at();
}

bool registry::suspect(instance_id id) {
    const instance_ptr known = index_.find(id);
    if (known == nullptr || known->state != instance_state::alive) return false;
    instance newer = *known;
    newer.state = instance_state::suspect;
    change(newer);
    return true;
}

bool registry::recover(instance_id id) {
    const instance_ptr known = index_.find(id);
    if (known == nullptr || known->state != instance_state::suspect) return false;
    instance newer = *known;
    newer.state = instance_state::alive;
    change(newer);
    return true;
}

bool registry::remove(instance_id id, gone_reason reason, std::string detail) {
    const instance_ptr known = index_.find(id);
    if (known == nullptr) return false;
    index_.erase(id);
    give_back(known->owner.uid, known->offer);
    publish(change_kind::gone, reason, known, std::move(detail));
    return true;
}

std::size_t registry::use_policy(const announce_policy& policy) {
    policy_ = &policy;
    std::vector<instance_id> refused;
    for (const auto& [id, one] : index_.all()) {
        if (!check_right(one->owner.uid, one->offer.name)) refused.push_back(id);
    }
    for (const instance_id id : refused) remove(id, gone_reason::policy);
    return refused.size();
}

// --- changes ------------------------------------------------------------------------------------

// With the revision that the change which is published next will have.
instance_ptr registry::make(const instance& like) {
    auto made = std::make_shared<instance>(like);
    made->revision = revision_ + 1;
    return made;
}

void registry::change(const instance& newer) {
    instance_ptr made = make(newer);
    index_.update(made);
    publish(change_kind::changed, gone_reason::none, std::move(made));
}

void registry::publish(change_kind kind, gone_reason reason, instance_ptr what,
                       std::string detail) {
    const registry_change change{++revision_, kind, reason, std::move(what), std::move(detail)};
    history_.push(change);
    watches_.publish(change, epoch_);
    if (kind != change_kind::gone && change.what->state == instance_state::alive) {
        waiters_.serve(change.what, at());
    }
}

// --- questions ----------------------------------------------------------------------------------

result<found_in_table, fault> registry::lookup(instance_query query) const {
    if (auto checked = check_query(query); !checked) return checked.error();
    found_in_table found{at(), is_warming(), {}};
    for (const instance_ptr& one : index_.of_name(query.name)) {
        if (one->state != instance_state::leaving && matches(query, *one)) {
            found.instances.push_back(one);
        }
    }
    std::sort(found.instances.begin(), found.instances.end(),
              [](const instance_ptr& a, const instance_ptr& b) { return comes_before(*a, *b); });
    return found;
}

result<found_in_table, fault> registry::list(const name_pattern& pattern,
                                             const std::optional<index_key>& after,
                                             std::size_t most) const {
    const std::string problem =
        pattern.is_prefix ? prefix_problem(pattern.text) : name_problem(pattern.text);
    if (!problem.empty()) return fault(status::invalid_argument, problem);
    found_in_table found{at(), is_warming(), {}};
    std::optional<index_key> last = after;
    while (found.instances.size() < most) {
        instance_ptr one = index_.next(pattern, last);
        if (one == nullptr) break;
        last = index_key{one->offer.name, one->id};
        found.instances.push_back(std::move(one));
    }
    return found;
}

result<waiter_id, fault> registry::wait(std::uint32_t uid, instance_query query) {
    auto found = lookup(query);
    if (!found) return found.error();
    const auto& there = found->instances;
    if (!there.empty() && there.front()->state == instance_state::alive) {
        return waiters_.add_served(there.front(), at());
    }
    if (auto checked = check_query(query); !checked) return checked.error();
    return waiters_.add(uid, std::move(query));
}

result<watch_opened, fault> registry::watch(std::uint32_t uid, name_pattern pattern,
                                            std::optional<table_position> from) {
    return watches_.open(uid, std::move(pattern), from, history_, at());
}

registry_counters registry::counters() const noexcept {
    registry_counters now;
    now.names = index_.names();
    now.instances = index_.instances();
    now.watches = watches_.size();
    now.waiters = waiters_.size();
    now.bytes = shares_.taken_by_all(registry_resource::bytes);
    now.users = shares_.users();
    now.changes_queued = watches_.queued();
    now.changes_remembered = history_.size();
    now.watch_overflows = watches_.overflows();
    now.refused = refused_per_name_;
    for (std::size_t i = 0; i < registry_resources; ++i) {
        now.refused += shares_.refused(static_cast<registry_resource>(i));
    }
    return now;
}

}  // namespace conduit::rpc::detail
