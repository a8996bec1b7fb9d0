// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/wait_table.hpp>

#include <utility>

namespace conduit::rpc::detail {

result<waiter_id, fault> wait_table::add(std::uint32_t uid, instance_query query) {
    const std::size_t bytes = bytes_of(query);
    std::string why = shares_->take(uid, registry_resource::waiters, 1);
    if (!why.empty()) return fault(status::resource_exhausted, why);
    why = shares_->take(uid, registry_resource::bytes, bytes);
    if (!why.empty()) {
        shares_->give_back(uid, registry_resource::waiters, 1);
        return fault(status::resource_exhausted, why);
    }
    const waiter_id id = ++last_id_;
    names_.emplace(id, query.name);
    by_name_[query.name].emplace(id, waiter{uid, std::move(query)});
    return id;
}

waiter_id wait_table::add_served(instance_ptr found, table_position at) {
    served_.push_back({++last_id_, at, std::move(found)});
    return last_id_;
}

bool wait_table::remove(waiter_id id) {
    const auto named = names_.find(id);
    if (named == names_.end()) {
        return std::erase_if(served_, [&](const auto& one) { return one.id == id; }) != 0;
    }
    const auto waiting = by_name_.find(named->second);
    const auto at = waiting->second.find(id);
    give_back(at->second);
    waiting->second.erase(at);
    if (waiting->second.empty()) by_name_.erase(waiting);
    names_.erase(named);
    return true;
}

void wait_table::serve(const instance_ptr& found, table_position at) {
    const auto waiting = by_name_.find(found->offer.name);
    if (waiting == by_name_.end()) return;
    std::erase_if(waiting->second, [&](const auto& one) {
        const auto& [id, who] = one;
        if (!matches(who.query, *found)) return false;
        served_.push_back({id, at, found});
        give_back(who);
        names_.erase(id);
        return true;
    });
    if (waiting->second.empty()) by_name_.erase(waiting);
}

std::vector<served_waiter> wait_table::take_served() { return std::exchange(served_, {}); }

void wait_table::give_back(const waiter& whose) noexcept {
    shares_->give_back(whose.uid, registry_resource::waiters, 1);
    shares_->give_back(whose.uid, registry_resource::bytes, bytes_of(whose.query));
}

}  // namespace conduit::rpc::detail
