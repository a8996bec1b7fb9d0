// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/handle_ledger.hpp>

#include <algorithm>
#include <iterator>
#include <string>

namespace conduit::rpc::detail {

result<handle_ledger::place, fault> handle_ledger::take(std::uint32_t uid) {
    std::string why = shares_.take(uid, registry_resource::handles, 1);
    if (!why.empty()) {
        collect();  // some may have been sent since
        why = shares_.take(uid, registry_resource::handles, 1);
    }
    if (why.empty()) return place(*this, uid);
    ++refused_;
    return fault(status::resource_exhausted, why);
}

void handle_ledger::hand_over(place taken, const std::shared_ptr<peer_link>& link) {
    sending& over = sending_[link.get()];
    over.link = link;
    over.uid = taken.uid_;
    ++over.handles;
    taken.of_ = nullptr;
}

std::size_t handle_ledger::taken() {
    collect();
    return shares_.taken_by_all(registry_resource::handles);
}

void handle_ledger::collect() {
    for (auto at = sending_.begin(); at != sending_.end();) {
        sending& over = at->second;
        const std::size_t left = std::min(over.handles, over.link->handles_queued());
        shares_.give_back(over.uid, registry_resource::handles, over.handles - left);
        over.handles = left;
        at = left == 0 ? sending_.erase(at) : std::next(at);
    }
}

}  // namespace conduit::rpc::detail
