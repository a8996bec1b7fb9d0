// SPDX-License-Identifier: BSL-1.0
//
// Who waits until something is offered. Nobody is called back: whoever changes the table asks
// afterwards who was served.
//
//     auto waiting = waiters.add(uid, query);
//     waiters.serve(announced, at);
//     for (served_waiter& one : waiters.take_served()) answer(one.id, one.found);

#pragma once

#include <conduit/rpc/detail/change_history.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/user_shares.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace conduit::rpc::detail {

using waiter_id = std::uint64_t;

struct served_waiter {
    waiter_id id = 0;
    table_position at;
    instance_ptr found;
};

/// Each waiter is served once, those of one name in the order in which they came.
class wait_table {
public:
    explicit wait_table(user_shares& shares) noexcept : shares_(&shares) {}

    /// Waits for what answers a checked query. Refused where the user has too many.
    result<waiter_id, fault> add(std::uint32_t uid, instance_query query);
    /// The same for what is there already: counts for nothing.
    waiter_id add_served(instance_ptr found, table_position at);

    /// Gives up: whoever waits, and who was served and not taken yet. False where there is none.
    bool remove(waiter_id id);

    /// Serves those whom an instance that is alive suits.
    void serve(const instance_ptr& found, table_position at);

    /// Those who were served since the last time, in that order.
    std::vector<served_waiter> take_served();

    /// How many wait.
    std::size_t size() const noexcept { return names_.size(); }

private:
    struct waiter {
        std::uint32_t uid = 0;
        instance_query query;
    };
    using queue = std::map<waiter_id, waiter>;  // ids grow

    void give_back(const waiter& whose) noexcept;

    user_shares* shares_;
    std::map<std::string, queue, std::less<>> by_name_;
    std::unordered_map<waiter_id, std::string> names_;
    std::vector<served_waiter> served_;
    waiter_id last_id_ = 0;
};

}  // namespace conduit::rpc::detail
