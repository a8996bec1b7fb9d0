// SPDX-License-Identifier: BSL-1.0
//
// Whose processes may be at the other end of a Unix socket. The mode of a socket's file says who
// may connect to it; this is checked besides, by both sides, since a path may lead elsewhere.
//
//     auto users = conduit::allowed_users().allow_uid(33);         // www-data as well
//     auto peer = co_await conduit::unix_stream::connect(path, users);

#pragma once

#include <conduit/runtime/io_message.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace conduit {

/// This process's own effective user and root, and whoever is named besides. A value.
class allowed_users {
public:
    /// Called wherever the other end is checked: in a group of servers on several threads. It must
    /// not wait. One that throws says no.
    using predicate = std::function<bool(const credentials&)>;

    allowed_users() = default;

    /// Another user, by number.
    allowed_users& allow_uid(std::uint32_t user) {
        others_.push_back(user);
        return *this;
    }
    /// Whoever is in this group, as the process's own or as one of its others (SO_PEERGROUPS).
    /// Where a socket was handed on to another process, that one's own group alone is known.
    allowed_users& allow_gid(std::uint32_t group) {
        groups_.push_back(group);
        return *this;
    }
    /// Whoever `says_yes` says yes to. It is asked about those only whom nothing else allows.
    allowed_users& allow_if(predicate says_yes) {
        predicates_.push_back(std::move(says_yes));
        return *this;
    }
    /// Any at all: the other end is not checked.
    allowed_users& allow_any() noexcept {
        any_ = true;
        return *this;
    }

    /// Whether `user` is allowed as such; `own` is the effective user of this process.
    bool includes(std::uint32_t user, std::uint32_t own) const noexcept;
    /// Whether `who` is allowed, who is in `groups` besides its own.
    bool includes(const credentials& who, std::span<const std::uint32_t> groups,
                  std::uint32_t own) const noexcept;
    /// Whether the groups beside its own make a difference.
    bool has_groups() const noexcept { return !groups_.empty(); }

private:
    bool has_group(std::uint32_t group) const noexcept;

    std::vector<std::uint32_t> others_;
    std::vector<std::uint32_t> groups_;
    std::vector<predicate> predicates_;
    bool any_ = false;
};

}  // namespace conduit
