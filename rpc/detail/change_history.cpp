// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/change_history.hpp>

#include <conduit/runtime/assert.hpp>

namespace conduit::rpc::detail {

std::size_t bytes_of(const registry_change& change) noexcept {
    return sizeof(registry_change) + bytes_of(change.what->offer) + change.detail.size();
}

void change_history::push(const registry_change& change) {
    CONDUIT_ASSERT(change.revision == newest_ + 1, "each revision has one change");
    newest_ = change.revision;
    changes_.push_back(change);
    bytes_ += bytes_of(change);
    while (changes_.size() > changes_max_ || bytes_ > bytes_max_) {
        bytes_ -= bytes_of(changes_.front());
        changes_.pop_front();
    }
}

}  // namespace conduit::rpc::detail
