// SPDX-License-Identifier: BSL-1.0
//
// Where a client of the matchmaker gets its answers: from a daemon (daemon_source.hpp) or from a
// list that somebody wrote (list_source.hpp). What is done with them is the same for both.
//
//     auto there = co_await source.until_reached();
//     auto found = co_await there->object().find(query);

#pragma once

#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <string>

namespace conduit::rpc::detail {

/// A matchmaker that answers, until it is lost: then another one may be reached. Who asks keeps it
/// alive.
class matchmaker_link {
public:
    matchmaker_link() = default;
    matchmaker_link(const matchmaker_link&) = delete;
    matchmaker_link& operator=(const matchmaker_link&) = delete;
    virtual ~matchmaker_link() = default;

    virtual matchmaker_interface& object() noexcept = 0;

    /// Whether it can make connections for others.
    virtual bool hands_over() const noexcept = 0;

    /// Set once it is of no use any more.
    event& lost() noexcept { return lost_; }

private:
    event lost_;
};

using matchmaker_link_ptr = std::shared_ptr<matchmaker_link>;

/// Owned by what shuts it, whose scheduler and context are its own.
class matchmaker_source {
public:
    matchmaker_source() = default;
    matchmaker_source(const matchmaker_source&) = delete;
    matchmaker_source& operator=(const matchmaker_source&) = delete;
    virtual ~matchmaker_source() = default;

    /// The one that is there, or the outcome of an attempt that ends after this call: throws
    /// fault(unavailable) that says where it was looked for and why it was not found.
    virtual task<matchmaker_link_ptr> reach() = 0;
    /// Waits for one. Throws cancelled or deadline_exceeded where the task's context ended the
    /// wait, and invalid_argument where there can never be one.
    virtual task<matchmaker_link_ptr> until_reached() = 0;

    /// The one that is there; null where none is.
    virtual matchmaker_link_ptr current() const noexcept = 0;
    /// Since when none is; now where one is.
    virtual clock::time_point lost_at() const noexcept = 0;

    /// For people: "'unix:/run/x'".
    virtual std::string name() const = 0;

    /// Waits fail from now on, and the link is lost.
    virtual void shut() noexcept = 0;
};

}  // namespace conduit::rpc::detail
