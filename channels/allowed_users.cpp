// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/allowed_users.hpp>

#include <algorithm>

namespace conduit {

bool allowed_users::includes(std::uint32_t user, std::uint32_t own) const noexcept {
    constexpr std::uint32_t root = 0;
    if (any_ || user == own || user == root) return true;
    return std::find(others_.begin(), others_.end(), user) != others_.end();
}

}  // namespace conduit
