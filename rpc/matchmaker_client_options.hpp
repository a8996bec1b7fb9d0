// SPDX-License-Identifier: BSL-1.0
//
// Where the matchmaker is, and how a client of it waits and tries again. See matchmaker.hpp.
//
//     rpc::matchmaker_client_options().at("file:/etc/shop/servers")

#pragma once

#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/pool_options.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace conduit::rpc {

/// Each setter returns the options, to be chained.
class matchmaker_client_options {
public:
    /// Unless set, CONDUIT_MATCHMAKER says it, or else it is the one of this user.
    ///
    ///     unix:/path       a daemon at a Unix socket
    ///     tcp:host:port    a daemon at a port, which can hand over no connections
    ///     user, system     the daemon of this user, or of the host (matchmaker_address.hpp)
    ///     file:/path       no daemon: a list in a file, which is read again when it changes
    ///     list:text        no daemon: a list in the text, whose lines are parted by ';'
    ///
    /// What a list looks like is in docs/guide/clients.md.
    matchmaker_client_options& at(std::string where) {
        where_ = std::move(where);
        return *this;
    }
    /// How the daemon is connected to.
    matchmaker_client_options& connect(connect_options how) {
        connect_ = std::move(how);
        return *this;
    }
    /// Instead of connecting as connect.hpp says. Over what it opens no connections are handed
    /// over.
    matchmaker_client_options& opens_by(pool_options::opener open) {
        opener_ = std::move(open);
        return *this;
    }
    /// How long one attempt to connect to the daemon may take; 5 s.
    matchmaker_client_options& connect_within(std::chrono::milliseconds time) noexcept {
        return set(connect_within_, time);
    }
    /// The wait before anything that failed is tried again is drawn by chance, below `least` at
    /// first and twice as much each time until `most`; 50 ms and 1 s.
    matchmaker_client_options& back_off(std::chrono::milliseconds least,
                                        std::chrono::milliseconds most) noexcept {
        back_off_least_ = least;
        return set(back_off_most_, most);
    }
    /// How often an announcement looks whether the daemon still has it; 30 s.
    matchmaker_client_options& check_every(std::chrono::milliseconds time) noexcept {
        return set(check_every_, time);
    }
    /// How long balanced clients go on using instances that a daemon which has restarted does not
    /// know yet; 10 s.
    matchmaker_client_options& keep_missing(std::chrono::milliseconds time) noexcept {
        return set(keep_missing_, time);
    }

    const std::string& at() const noexcept { return where_; }
    const connect_options& connect() const noexcept { return connect_; }
    const pool_options::opener& opens_by() const noexcept { return opener_; }
    std::chrono::milliseconds connect_within() const noexcept { return connect_within_; }
    std::chrono::milliseconds back_off_least() const noexcept { return back_off_least_; }
    std::chrono::milliseconds back_off_most() const noexcept { return back_off_most_; }
    std::chrono::milliseconds check_every() const noexcept { return check_every_; }
    std::chrono::milliseconds keep_missing() const noexcept { return keep_missing_; }

private:
    matchmaker_client_options& set(std::chrono::milliseconds& field,
                                   std::chrono::milliseconds value) noexcept {
        field = value;
        return *this;
    }

    std::string where_;
    connect_options connect_;
    pool_options::opener opener_;
    std::chrono::milliseconds connect_within_{5000};
    std::chrono::milliseconds back_off_least_{50};
    std::chrono::milliseconds back_off_most_{1000};
    std::chrono::milliseconds check_every_{30'000};
    std::chrono::milliseconds keep_missing_{10'000};
};

}  // namespace conduit::rpc
