// SPDX-License-Identifier: BSL-1.0
//
// How much the matchmaker's table holds, for one user and for all. How a user's share shrinks while
// others use theirs is in user_shares.hpp; what a single offer may be is in instance.hpp.
//
//     registry table(epoch, uid, registry_limits().most(registry_resource::names, {256, 100'000}));

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace conduit::rpc::detail {

/// What users take of the table.
enum class registry_resource : std::uint8_t { names, instances, watches, waiters, bytes, handles };
inline constexpr std::size_t registry_resources = 6;

/// "names".
std::string_view to_string(registry_resource what) noexcept;

struct resource_limit {
    std::size_t per_user = 0;
    std::size_t all = 0;
};

/// Each setter returns the limits, to be chained.
class registry_limits {
public:
    /// Of names 256 a user, 131,072 in all; of instances 1,024 and 262,144; of watches 256 and
    /// 16,384; of waiters 1,024 and 65,536; of bytes 4 MiB and 512 MiB; of handles 1,024 and 8,192.
    registry_limits& most(registry_resource what, resource_limit limit) noexcept {
        most_[static_cast<std::size_t>(what)] = limit;
        return *this;
    }
    /// How many instances one name has; 1,024. An answer has no more.
    registry_limits& instances_per_name_max(std::size_t n) noexcept {
        return set(instances_per_name_max_, n);
    }
    /// How many changes are remembered for watches that resume; 4,096, in at most 4 MiB.
    registry_limits& history_changes_max(std::size_t n) noexcept {
        return set(history_changes_max_, n);
    }
    registry_limits& history_bytes_max(std::size_t n) noexcept {
        return set(history_bytes_max_, n);
    }
    /// How many changes wait for one slow watcher until it has to begin anew; 1,024, in at most
    /// 1 MiB. They count for its user's bytes.
    registry_limits& watch_changes_max(std::size_t n) noexcept {
        return set(watch_changes_max_, n);
    }
    registry_limits& watch_bytes_max(std::size_t n) noexcept { return set(watch_bytes_max_, n); }

    resource_limit most(registry_resource what) const noexcept {
        return most_[static_cast<std::size_t>(what)];
    }
    std::size_t instances_per_name_max() const noexcept { return instances_per_name_max_; }
    std::size_t history_changes_max() const noexcept { return history_changes_max_; }
    std::size_t history_bytes_max() const noexcept { return history_bytes_max_; }
    std::size_t watch_changes_max() const noexcept { return watch_changes_max_; }
    std::size_t watch_bytes_max() const noexcept { return watch_bytes_max_; }

private:
    registry_limits& set(std::size_t& field, std::size_t value) noexcept {
        field = value;
        return *this;
    }

    static constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

    std::array<resource_limit, registry_resources> most_{{{256, 131'072},
                                                          {1024, 262'144},
                                                          {256, 16'384},
                                                          {1024, 65'536},
                                                          {4 * mebibyte, 512 * mebibyte},
                                                          {1024, 8192}}};
    std::size_t instances_per_name_max_ = 1024;
    std::size_t history_changes_max_ = 4096;
    std::size_t history_bytes_max_ = 4 * mebibyte;
    std::size_t watch_changes_max_ = 1024;
    std::size_t watch_bytes_max_ = mebibyte;
};

}  // namespace conduit::rpc::detail
