// SPDX-License-Identifier: BSL-1.0
//
// What each user has taken of the matchmaker's table, and whether there may be more. No user can
// take all: beside its own limit, a user has at most 1/(n+1) of what the others left, where n users
// have some, itself included. So the first one gets no more than half of all, and whoever comes
// later finds something. (dbus-broker does the same to the resources of a bus.)
//
//     user_shares shares{registry_limits()};
//     if (std::string why = shares.take(uid, registry_resource::names, 1); !why.empty()) ...

#pragma once

#include <conduit/rpc/detail/registry_limits.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace conduit::rpc::detail {

class user_shares {
public:
    explicit user_shares(const registry_limits& limits);

    /// Takes so much; or takes nothing and says which limit was reached, with both figures.
    std::string take(std::uint32_t uid, registry_resource what, std::size_t amount);

    /// Puts back what was given back a moment ago, for something that could not be done after all.
    void restore(std::uint32_t uid, registry_resource what, std::size_t amount);

    void give_back(std::uint32_t uid, registry_resource what, std::size_t amount) noexcept;

    std::size_t taken(std::uint32_t uid, registry_resource what) const noexcept;
    std::size_t taken_by_all(registry_resource what) const noexcept {
        return totals_[index(what)].taken;
    }
    /// How many users have anything.
    std::size_t users() const noexcept { return users_.size(); }
    /// How often something was refused.
    std::uint64_t refused(registry_resource what) const noexcept {
        return totals_[index(what)].refused;
    }

private:
    using amounts = std::array<std::size_t, registry_resources>;
    struct total {
        std::size_t taken = 0;
        std::size_t users = 0;  // that have some of it
        std::uint64_t refused = 0;
    };

    static std::size_t index(registry_resource what) noexcept {
        return static_cast<std::size_t>(what);
    }

    std::array<resource_limit, registry_resources> limits_;
    std::array<total, registry_resources> totals_;
    std::unordered_map<std::uint32_t, amounts> users_;  // only those that have something
};

}  // namespace conduit::rpc::detail
