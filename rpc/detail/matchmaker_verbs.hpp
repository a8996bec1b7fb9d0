// SPDX-License-Identifier: BSL-1.0
//
// What is behind a matchmaker's client and what it gave out: the source of its answers, and each
// verb as a task that asks it, again where that does no harm. Users see matchmaker.hpp.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/growing_wait.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

/// Shared by the client, which shuts it, and by what the client gave out.
class matchmaker_verbs {
public:
    explicit matchmaker_verbs(matchmaker_client_options options);
    matchmaker_verbs(const matchmaker_verbs&) = delete;
    matchmaker_verbs& operator=(const matchmaker_verbs&) = delete;
    ~matchmaker_verbs() = default;

    /// From now on nothing is reached, and all that waits fails.
    void shut() noexcept;

    static task<found_instances> lookup(std::shared_ptr<matchmaker_verbs> of, instance_query query);
    static task<found_instances> list(std::shared_ptr<matchmaker_verbs> of, name_pattern pattern,
                                      std::optional<index_key> after, std::uint32_t most);
    static task<matchmaker_status> ask_status(std::shared_ptr<matchmaker_verbs> of);
    static task<std::vector<waiting_client>> ask_waits(std::shared_ptr<matchmaker_verbs> of);
    static task<found_instances> find(std::shared_ptr<matchmaker_verbs> of, instance_query query);
    /// Waits for a stream to an instance. `options` must outlive the task; they are given its name.
    static task<any_stream> connect(std::shared_ptr<matchmaker_verbs> of, instance_query query,
                                    connect_options* options);

    /// A stream to the address of an instance, by the rules for addresses that came from others.
    static task<any_stream> open(std::string where, connect_options* options);
    /// Has the matchmaker look whether it is there. Waits for nothing.
    void report_unreachable(instance_id id);
    /// Tells the matchmaker, if `link` is still there, that an instance leaves. Waits for nothing.
    void withdraw(matchmaker_link_ptr link, instance_id id);

    matchmaker_source& source() noexcept { return *source_; }
    const matchmaker_client_options& options() const noexcept { return options_; }
    chance& dice() noexcept { return dice_; }
    log_limit& lines() noexcept { return lines_; }
    growing_wait new_pause() const noexcept {
        return {options_.back_off_least(), options_.back_off_most()};
    }
    /// Goes on when what spawned it goes.
    void spawn(task<void> work, std::string_view name) { tasks_.spawn(std::move(work), name); }
    /// What tasks of what the client gave out run under; it stays for as long as this.
    context& tasks_context() noexcept { return tasks_.group_context(); }

private:
    task<any_stream> connect_by_hand(matchmaker_link_ptr link, instance_query query,
                                     connect_options* options);
    task<std::optional<any_stream>> connect_one_of(const std::vector<instance>* found,
                                                   connect_options* options, std::string* why);

    matchmaker_client_options options_;
    chance dice_;
    log_limit lines_;
    task_group tasks_;  // uses what is above
    std::unique_ptr<matchmaker_source> source_;
};

/// Whether a call failed because the matchmaker was lost, and may be made again.
bool is_lost(const fault& why) noexcept;

}  // namespace conduit::rpc::detail
