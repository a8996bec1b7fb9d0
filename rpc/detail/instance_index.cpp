// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_index.hpp>

#include <conduit/runtime/assert.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {

std::optional<std::uint32_t> instance_index::holder(std::string_view name) const {
    const auto at = names_.find(name);
    if (at == names_.end()) return std::nullopt;
    return at->second.holder;
}

std::span<const instance_ptr> instance_index::of_name(std::string_view name) const {
    const auto at = names_.find(name);
    if (at == names_.end()) return {};
    return at->second.instances;
}

instance_ptr instance_index::find(instance_id id) const {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : at->second;
}

instance_ptr instance_index::next(const name_pattern& pattern,
                                  const std::optional<index_key>& after) const {
    auto at = names_.lower_bound(after ? after->name : pattern.text);
    if (at != names_.end() && after && at->first == after->name) {
        const auto& of = at->second.instances;
        const auto found =
            std::upper_bound(of.begin(), of.end(), after->id,
                             [](instance_id id, const instance_ptr& b) { return id < b->id; });
        if (found != of.end()) return *found;
        ++at;
    }
    if (at == names_.end() || !pattern.includes(at->first)) return nullptr;
    return at->second.instances.front();
}

void instance_index::insert(instance_ptr added) {
    const auto [at, is_new] = names_.try_emplace(added->offer.name);
    entry& of = at->second;
    if (is_new) of.holder = added->owner.uid;
    CONDUIT_ASSERT(of.instances.empty() || of.instances.back()->id < added->id,
                   "instances are inserted in the order of their ids");
    by_id_.emplace(added->id, added);
    of.instances.push_back(std::move(added));
}

void instance_index::update(instance_ptr newer) {
    by_id_.at(newer->id) = newer;
    const auto at = at_id(names_.find(newer->offer.name)->second, newer->id);
    *at = std::move(newer);
}

void instance_index::replace(instance_id gone, instance_ptr added) {
    entry& of = names_.find(added->offer.name)->second;
    of.instances.erase(at_id(of, gone));
    by_id_.erase(gone);
    by_id_.emplace(added->id, added);
    of.instances.push_back(std::move(added));
}

void instance_index::erase(instance_id gone) {
    const auto found = by_id_.find(gone);
    const auto at = names_.find(found->second->offer.name);
    entry& of = at->second;
    of.instances.erase(at_id(of, gone));
    by_id_.erase(found);
    if (of.instances.empty()) {
        names_.erase(at);
        return;
    }
    const bool is_held = std::any_of(of.instances.begin(), of.instances.end(),
                                     [&](const auto& i) { return i->owner.uid == of.holder; });
    if (!is_held) of.holder = of.instances.front()->owner.uid;
}

std::vector<instance_ptr>::iterator instance_index::at_id(entry& of, instance_id id) {
    return std::lower_bound(of.instances.begin(), of.instances.end(), id,
                            [](const instance_ptr& a, instance_id b) { return a->id < b; });
}

}  // namespace conduit::rpc::detail
