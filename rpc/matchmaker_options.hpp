// SPDX-License-Identifier: BSL-1.0
//
// How a matchmaker is run: who may announce, how much each user gets of it, and how it finds out
// that somebody is gone. See matchmaker_server.hpp.
//
//     rpc::matchmaker_server matchmaker(
//         rpc::matchmaker_options().state("/run/user/1000/conduit/state").names_max(64, 4096));

#pragma once

#include <conduit/rpc/detail/registry_limits.hpp>
#include <conduit/rpc/server_options.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace conduit::rpc {

/// Each setter returns the options, to be chained. Of what users take there are two limits: for
/// each user, and for all of them together; of what the others left a user gets a part only, so
/// that nobody can take all.
class matchmaker_options {
public:
    /// How it is served: its connections and their limits.
    matchmaker_options& server(server_options options) { return set(server_, std::move(options)); }

    /// A folder of its own, made where it is missing, in which it keeps what its successor has to
    /// know. Unless set it keeps nothing.
    matchmaker_options& state(std::string folder) { return set(state_, std::move(folder)); }

    /// Names a user may announce; 256, and 131,072 in all.
    matchmaker_options& names_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::names, per_user, all);
    }
    /// Instances of all names; 1,024, and 262,144 in all. One name has at most 1,024.
    matchmaker_options& instances_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::instances, per_user, all);
    }
    /// Watches that are open; 256, and 16,384 in all.
    matchmaker_options& watches_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::watches, per_user, all);
    }
    /// Calls of find() and connect() that wait; 1,024, and 65,536 in all.
    matchmaker_options& waits_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::waiters, per_user, all);
    }
    /// Memory for all of these, in bytes; 4 MiB, and 512 MiB in all.
    matchmaker_options& bytes_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::bytes, per_user, all);
    }
    /// Descriptors that it has open for somebody: on the way to an address that is announced or
    /// connected to, and with answers until these go out; 1,024, and 8,192 in all. From there on
    /// they count for server_options::handles_given_max().
    matchmaker_options& handles_max(std::size_t per_user, std::size_t all) noexcept {
        return limit(detail::registry_resource::handles, per_user, all);
    }
    /// How many changes are remembered for watches that resume; 4,096, in at most 4 MiB.
    matchmaker_options& history_max(std::size_t changes) noexcept {
        limits_.history_changes_max(changes);
        return *this;
    }
    /// How many changes wait for one slow watcher until it has to begin anew; 1,024, in at most
    /// 1 MiB.
    matchmaker_options& watch_changes_max(std::size_t changes) noexcept {
        limits_.watch_changes_max(changes);
        return *this;
    }

    /// How often whoever has announced must be heard of; 5 s.
    matchmaker_options& ping_every(std::chrono::milliseconds time) noexcept {
        return set(ping_every_, time);
    }
    /// After how many of these times without a sign of life it is suspected; 2.
    matchmaker_options& suspect_after(unsigned pings) noexcept {
        return set(suspect_after_, pings);
    }
    /// After how many it is taken for gone; 6.
    matchmaker_options& gone_after(unsigned pings) noexcept { return set(gone_after_, pings); }

    /// For how long what a predecessor knew is believed until it is announced again; 10 s.
    matchmaker_options& confirm_within(std::chrono::milliseconds time) noexcept {
        return set(confirm_within_, time);
    }
    /// How long it may take until somebody accepts at an address that is announced, or connected
    /// to; 1 s.
    matchmaker_options& accept_within(std::chrono::milliseconds time) noexcept {
        return set(accept_within_, time);
    }
    /// How long a change may wait until it is in the state folder; 1 s.
    matchmaker_options& save_within(std::chrono::milliseconds time) noexcept {
        return set(save_within_, time);
    }

    const server_options& server() const noexcept { return server_; }
    const std::string& state() const noexcept { return state_; }
    const detail::registry_limits& limits() const noexcept { return limits_; }
    std::chrono::milliseconds ping_every() const noexcept { return ping_every_; }
    unsigned suspect_after() const noexcept { return suspect_after_; }
    unsigned gone_after() const noexcept { return gone_after_; }
    std::chrono::milliseconds confirm_within() const noexcept { return confirm_within_; }
    std::chrono::milliseconds accept_within() const noexcept { return accept_within_; }
    std::chrono::milliseconds save_within() const noexcept { return save_within_; }

private:
    template <class T>
    matchmaker_options& set(T& field, T value) {
        field = std::move(value);
        return *this;
    }
    matchmaker_options& limit(detail::registry_resource what, std::size_t per_user,
                              std::size_t all) noexcept {
        limits_.most(what, {per_user, all});
        return *this;
    }

    server_options server_;
    std::string state_;
    detail::registry_limits limits_;
    std::chrono::milliseconds ping_every_{5000};
    unsigned suspect_after_ = 2;
    unsigned gone_after_ = 6;
    std::chrono::milliseconds confirm_within_{10'000};
    std::chrono::milliseconds accept_within_{1000};
    std::chrono::milliseconds save_within_{1000};
};

}  // namespace conduit::rpc
