// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/server_state.hpp>
#include <conduit/rpc/detail/server_team.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/runtime.hpp>

#include <new>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

std::size_t share_of(std::size_t all, std::size_t workers) noexcept {
    return all / workers + (all % workers != 0 ? 1 : 0);
}

server_options shares_of(server_options options, std::size_t workers) {
    options.calls_max(share_of(options.calls_max(), workers));
    options.memory_max(share_of(options.memory_max(), workers));
    options.handles_held_max(share_of(options.handles_held_max(), workers));
    options.handles_given_max(share_of(options.handles_given_max(), workers));
    return options;
}

task<server_stats> stats_there(std::shared_ptr<server_team> team, std::size_t index) {
    const std::shared_ptr<server_state> server = team->at(index).state;
    co_return server != nullptr ? server->stats() : server_stats();
}

task<server_stats> stats_of(std::shared_ptr<server_team> team) {
    const std::shared_ptr<server_team> own = std::move(team);
    server_stats sum;
    for (std::size_t i = 0; i < own->size(); ++i) {
        try {
            const server_stats of_one = co_await on(*own->at(i).where, stats_there(own, i));
            sum.add(of_one);
        } catch (const std::system_error& gone) {
            if (gone.code() != errc::cancelled || stop_requested()) throw;
        }
    }
    co_return sum;
}

}  // namespace

server_team::server_team(runtime& workers, server_options options)
    : places_(std::make_shared<server_places>(options, workers.size())),
      shares_(shares_of(std::move(options), workers.size())) {
    for (std::size_t i = 0; i < workers.size(); ++i) {
        members_.push_back(std::make_unique<member>(workers.worker(i)));
    }
}

bool server_team::tell(std::size_t index, std::function<void(server_state&)> what) {
    return at(index).where->post([team = shared_from_this(), index, what = std::move(what)] {
        const std::shared_ptr<server_state> state = team->at(index).state;
        if (state != nullptr) what(*state);
    });
}

task<server_stats> server_team::stats() { return stats_of(shared_from_this()); }

void server_team::room_was_made() noexcept {
    if (!lead_waits_.exchange(false)) return;
    try {
        tell(lead, [](server_state& listening) { listening.note_room(); });
    } catch (const std::bad_alloc&) {  // it looks again by itself
    }
}

void server_team::connection_has_gone() noexcept {
    if (places_->connections() > 0) return;
    try {
        tell(lead, [](server_state& listening) { listening.note_change(); });
    } catch (const std::bad_alloc&) {  // it goes on until it is asked to stop
    }
}

}  // namespace conduit::rpc::detail
