// SPDX-License-Identifier: BSL-1.0
//
// What is behind a balanced_client: the task that follows a watch and says to a pool where its
// servers are. Users see balanced_client.hpp.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/detail/instance_view.hpp>
#include <conduit/rpc/detail/matchmaker_verbs.hpp>
#include <conduit/rpc/detail/watch_pump.hpp>
#include <conduit/rpc/known_instances.hpp>
#include <conduit/rpc/pool.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <memory>
#include <string>

namespace conduit::rpc::detail {

/// Owns the pool. Throws fault(invalid_argument) where the query can never be right.
class instance_follower {
public:
    instance_follower(std::shared_ptr<matchmaker_verbs> at, const instance_query& query,
                      pool_options options);
    instance_follower(const instance_follower&) = delete;
    instance_follower& operator=(const instance_follower&) = delete;
    ~instance_follower() = default;

    rpc::pool& servers() noexcept { return pool_; }
    known_instances known() const;
    /// Waits until known() differs from what it was.
    task<std::error_code> until_changed();
    /// As pool::drain(), and follows no more.
    task<void> close();

private:
    task<void> follow();
    static task<any_stream> open(instance_follower* self, std::string where,
                                 connect_options options);
    pool_options opening(pool_options given);

    std::shared_ptr<matchmaker_verbs> at_;
    instance_view view_;
    watch_pump pump_;
    rpc::pool pool_;
    event changed_;     // pulsed
    task_group tasks_;  // uses what is above
};

}  // namespace conduit::rpc::detail
