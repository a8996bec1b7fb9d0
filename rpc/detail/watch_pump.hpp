// SPDX-License-Identifier: BSL-1.0
//
// One watch over any number of matchmakers after another: where one is lost, the next is asked for
// what came after the last event that was seen. What it yields waits in a bounded queue, so a slow
// reader makes the matchmaker wait, which in the end begins anew with an explicit resync.
//
//     watch_pump changes(state, name_pattern{"demo.", true}, watch_pump::start::must_be_there);
//     auto next = co_await changes.arrived().pop();

#pragma once

#include <conduit/rpc/detail/growing_wait.hpp>
#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/detail/matchmaker_verbs.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/runtime/queue.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace conduit::rpc::detail {

class watch_pump {
public:
    /// Whether the matchmaker may be missing at first.
    enum class start : std::uint8_t { must_be_there, waits };

    watch_pump(std::shared_ptr<matchmaker_verbs> at, name_pattern pattern, start how);
    watch_pump(const watch_pump&) = delete;
    watch_pump& operator=(const watch_pump&) = delete;
    ~watch_pump() = default;

    /// Closed once the watch has ended, and then failure() says why.
    queue<watch_event>& arrived() noexcept { return arrived_; }
    const std::optional<fault>& failure() const noexcept { return failure_; }

    /// The events, as users see them: a wait that is ended throws and leaves the stream usable.
    static stream<watch_event> events(std::unique_ptr<watch_pump> pump);

private:
    static constexpr std::size_t queued_max = 64;

    task<void> run(start how);
    task<matchmaker_link_ptr> next_link(start how);
    task<void> follow(matchmaker_link_ptr link);
    void note(const watch_event& seen) noexcept;
    void note_failure(const fault& why);

    std::shared_ptr<matchmaker_verbs> at_;
    name_pattern pattern_;
    growing_wait pause_;
    std::optional<table_position> from_;  // to resume
    bool is_resyncing_ = false;
    std::uint64_t seen_ = 0;  // events
    bool complained_ = false;
    std::optional<fault> failure_;
    queue<watch_event> arrived_;
    task_group tasks_;  // uses what is above
};

}  // namespace conduit::rpc::detail
