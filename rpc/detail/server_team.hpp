// SPDX-License-Identifier: BSL-1.0
//
// The servers of a group, one on each worker, as they see each other. The first of them, the lead,
// listens for all and hands connections over. Users see server_group.hpp.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/detail/server_places.hpp>
#include <conduit/rpc/server_options.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace conduit {
class runtime;
}  // namespace conduit

namespace conduit::rpc::detail {

class server_state;

/// Opens, for a server on whose scheduler it is called, a stream that came on another one. Called
/// once; never called it closes what came.
using opener = std::function<task<result<any_stream>>(server_state& there)>;

class server_team : public std::enable_shared_from_this<server_team> {
public:
    static constexpr std::size_t lead = 0;

    server_team(runtime& workers, server_options options);

    /// The server of one worker. All but `where` is touched on that worker only.
    struct member {
        explicit member(scheduler& worker) noexcept : where(&worker) {}

        scheduler* where;
        std::shared_ptr<server_state> state;
        int attempt = 0;  // at starting the team, of which the state is
        event over;       // the state goes
    };

    std::size_t size() const noexcept { return members_.size(); }
    member& at(std::size_t index) noexcept { return *members_[index]; }
    const std::shared_ptr<server_places>& places() const noexcept { return places_; }

    /// What each member gets: its share of what is counted without locks.
    const server_options& shares() const noexcept { return shares_; }

    /// Calls `what` on a member's thread, if it is there. False where its scheduler has ended.
    bool tell(std::size_t index, std::function<void(server_state&)> what);

    /// What all members that are there have done, added up. For any of them.
    task<server_stats> stats();

    /// The lead waits for room for a stranger, from before it looks whether there is some.
    void lead_waits() noexcept { lead_waits_.store(true); }
    /// A member's stranger has gone, or is none any more.
    void room_was_made() noexcept;
    /// A member's connection has gone.
    void connection_has_gone() noexcept;

private:
    std::vector<std::unique_ptr<member>> members_;
    std::shared_ptr<server_places> places_;
    server_options shares_;
    std::atomic<bool> lead_waits_{false};
};

}  // namespace conduit::rpc::detail
