// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/allowed_users.hpp>

#include <algorithm>

namespace conduit {

bool allowed_users::includes(std::uint32_t user, std::uint32_t own) const noexcept {
    constexpr std::uint32_t root = 0;
    if (any_ || user == own || user == root) return true;
    return std::find(others_.begin(), others_.end(), user) != others_.end();
}

bool allowed_users::includes(const credentials& who, std::span<const std::uint32_t> groups,
                             std::uint32_t own) const noexcept {
    if (includes(who.uid, own) || has_group(who.gid)) return true;
    const auto is_allowed = [this](std::uint32_t group) { return has_group(group); };
    if (std::ranges::any_of(groups, is_allowed)) return true;
    try {
        return std::ranges::any_of(predicates_,
                                   [&who](const predicate& each) { return each(who); });
    } catch (...) {
        return false;
    }
}

bool allowed_users::has_group(std::uint32_t group) const noexcept {
    return std::ranges::find(groups_, group) != groups_.end();
}

}  // namespace conduit
