// SPDX-License-Identifier: BSL-1.0
//
// An object that any number of processes offer, and that follows them as they come and go: a pool
// (pool.hpp) whose addresses the matchmaker says. matchmaker.hpp makes it.
//
//     auto calc = here.balanced<calculator>();
//     double three = co_await within(2s, calc->add(1, 2));    // waits for a server, if it must

#pragma once

#include <conduit/rpc/detail/instance_follower.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/known_instances.hpp>
#include <conduit/rpc/pool.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace conduit::rpc {

/// Owns a pool; *client is the Interface. What is said of calls in pool.hpp holds here: a call that
/// was surely not sent goes to another instance.
///
/// An instance that is gone gets no more calls as soon as the matchmaker says so or its connection
/// breaks, a new one gets its share at once. While the matchmaker is away the instances that were
/// known last are used, and after its restart those that have not come back yet, for a while
/// (matchmaker_client_options::keep_missing()); known() shows both. Instances of weight 0, and
/// those that do not answer, are used where there are no others; other weights are not: calls go to
/// whoever is likely to answer first.
///
/// It may be moved under its calls, and may outlive its matchmaker's client, whose end leaves it
/// with what it knows. It belongs to the scheduler and the context it was made in.
template <class Interface>
class balanced_client {
public:
    Interface& operator*() const noexcept { return inside_->object; }
    Interface* operator->() const noexcept { return &inside_->object; }

    /// For stubs of other interfaces, and for what it says of itself.
    rpc::pool& pool() const noexcept { return inside_->follower.servers(); }

    known_instances known() const { return inside_->follower.known(); }
    /// Waits until the matchmaker has said something new; yields a zero code, or why this wait
    /// ended before.
    task<std::error_code> until_changed() { return inside_->follower.until_changed(); }

    /// Waits until calls under way have ended and all connections are closed: pool::drain().
    task<void> close() { return inside_->follower.close(); }

private:
    friend class matchmaker;

    struct inside {
        inside(std::shared_ptr<detail::matchmaker_verbs> at, const instance_query& query,
               pool_options options)
            : follower(std::move(at), query, std::move(options)), object(follower.servers()) {}

        detail::instance_follower follower;
        stub<Interface> object;
    };

    explicit balanced_client(std::unique_ptr<inside> made) noexcept : inside_(std::move(made)) {}

    std::unique_ptr<inside> inside_;
};

}  // namespace conduit::rpc
