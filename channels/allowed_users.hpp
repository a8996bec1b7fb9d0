// SPDX-License-Identifier: BSL-1.0
//
// Whose processes may be at the other end of a Unix socket. The mode of a socket's file says who
// may connect to it; this is checked besides, by both sides, since a path may lead elsewhere.
//
//     auto users = conduit::allowed_users().allow(33);             // www-data as well
//     auto peer = co_await conduit::unix_stream::connect(path, users);

#pragma once

#include <cstdint>
#include <vector>

namespace conduit {

/// This process's own effective user and root, and whoever is named besides. A value.
class allowed_users {
public:
    allowed_users() = default;

    /// Another user, by number.
    allowed_users& allow(std::uint32_t user) {
        others_.push_back(user);
        return *this;
    }
    /// Any at all: the other end is not checked.
    allowed_users& allow_any() noexcept {
        any_ = true;
        return *this;
    }

    /// Whether `user` is among them; `own` is the effective user of this process.
    bool includes(std::uint32_t user, std::uint32_t own) const noexcept;

private:
    std::vector<std::uint32_t> others_;
    bool any_ = false;
};

}  // namespace conduit
