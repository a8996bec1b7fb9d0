// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/user_shares.hpp>

#include <conduit/runtime/assert.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace conduit::rpc::detail {

user_shares::user_shares(const registry_limits& limits) {
    for (std::size_t i = 0; i < registry_resources; ++i) {
        limits_[i] = limits.most(static_cast<registry_resource>(i));
    }
}

std::string user_shares::take(std::uint32_t uid, registry_resource what, std::size_t amount) {
    if (amount == 0) return {};  // also to who has more than its share has become
    const std::size_t own = taken(uid, what);
    const resource_limit limit = limits_[index(what)];
    total& all = totals_[index(what)];
    const std::size_t others = all.taken - own;
    const std::size_t left = limit.all - std::min(limit.all, others);
    const std::size_t users = all.users + (own == 0 ? 1 : 0);
    const std::size_t share = left / (users + 1);
    const std::size_t most = std::min(limit.per_user, share);
    if (own <= most && amount <= most - own) {
        restore(uid, what, amount);
        return {};
    }
    ++all.refused;
    const auto name = to_string(what);
    if (limit.per_user <= share) {
        return fmt::format("user {} has {} {} and wants {} more, of at most {} ({}_per_user_max)",
                           uid, own, name, amount, limit.per_user, name);
    }
    return fmt::format(
        "user {} has {} {} and wants {} more, of at most {} while {} of {} are "
        "others' ({}_max)",
        uid, own, name, amount, share, others, limit.all, name);
}

void user_shares::restore(std::uint32_t uid, registry_resource what, std::size_t amount) {
    if (amount == 0) return;
    std::size_t& own = users_[uid][index(what)];
    total& all = totals_[index(what)];
    if (own == 0) ++all.users;
    own += amount;
    all.taken += amount;
}

void user_shares::give_back(std::uint32_t uid, registry_resource what,
                            std::size_t amount) noexcept {
    if (amount == 0) return;
    const auto at = users_.find(uid);
    CONDUIT_ASSERT(at != users_.end() && at->second[index(what)] >= amount,
                   "no more is given back than was taken");
    std::size_t& own = at->second[index(what)];
    total& all = totals_[index(what)];
    own -= amount;
    all.taken -= amount;
    if (own == 0) --all.users;
    if (at->second == amounts{}) users_.erase(at);
}

std::size_t user_shares::taken(std::uint32_t uid, registry_resource what) const noexcept {
    const auto at = users_.find(uid);
    return at == users_.end() ? 0 : at->second[index(what)];
}

}  // namespace conduit::rpc::detail
