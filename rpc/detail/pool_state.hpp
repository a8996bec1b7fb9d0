// SPDX-License-Identifier: BSL-1.0
//
// What is behind a pool: for each place to connect to a task that makes its connection, for each
// connection a task that owns it, and the queue of the calls that wait. Users see pool.hpp.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/detail/call_retries.hpp>
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/growing_wait.hpp>
#include <conduit/rpc/detail/latency_meter.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/pool.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace conduit::rpc::detail {

/// Calls that wait keep it alive beyond their pool, which shuts it.
class pool_state {
public:
    explicit pool_state(pool_options options);
    pool_state(const pool_state&) = delete;
    pool_state& operator=(const pool_state&) = delete;
    ~pool_state() = default;

    const std::shared_ptr<call_retries>& retries() const noexcept { return retries_; }

    connection_state* ready(const method_row& method) noexcept;
    static task<connection_state*> until_ready(std::shared_ptr<pool_state> of,
                                               const method_row* method);
    void set_addresses(std::vector<std::string> addresses);
    static task<void> drain(std::shared_ptr<pool_state> of);
    /// The pool is gone: everything ends now.
    void shut() noexcept;

    std::size_t connections_now() const noexcept { return open_.size(); }
    std::size_t calls_made_now() const noexcept;
    pool_counters counters() const noexcept;

private:
    class link;
    class wait_operation;

    /// Where one connection is kept up. Its tasks share it with the list, which it may leave.
    struct place {
        place(std::string where, const pool_options& options);

        std::string address;
        growing_wait pause;
        clock::time_point not_before = clock::time_point::min();
        bool at_once = true;    // the next attempt needs no pause
        bool left = false;      // it is not wanted any more
        bool failing = false;   // the last attempt failed
        bool hopeless = false;  // and no other can succeed
        bool suspect = false;   // something went wrong since its server greeted last
        std::uint64_t connects = 0;
        std::uint64_t attempts = 0;  // since the last good answer
        std::string why;             // it failed, or was lost, last
        link* current = nullptr;     // while it takes calls
        event changed;               // it was left, or its connection takes no more
    };

    task<void> keep(std::shared_ptr<place> of);
    task<bool> pause_before(place* at);
    task<std::optional<any_stream>> open(place* at);
    task<void> tend(std::shared_ptr<place> of, any_stream over);
    void note_failure(place& at, std::string why, bool hopeless);
    void note_loss(link& lost);
    void leave(place& at) noexcept;
    void stop_using(link& used) noexcept;

    connection_state* pick(const method_row& method) noexcept;
    bool must_queue() const noexcept { return woken_ > 0 || !waiting_.empty(); }
    std::size_t free_places() const noexcept;
    void wake_waiting() noexcept;
    void places_changed() noexcept;
    void wake_all() noexcept;
    bool gives_up() const noexcept;
    std::string describe() const;
    fault not_sent(const method_row& method, std::error_code ended) const;

    pool_options options_;
    std::shared_ptr<call_retries> retries_;
    chance dice_;
    log_limit lines_;
    pool_counters counters_;
    std::vector<std::shared_ptr<place>> places_;
    std::vector<link*> open_;   // that take calls
    std::vector<link*> links_;  // and those where some are under way
    intrusive_list<operation, in_queue> waiting_;
    std::size_t woken_ = 0;  // waits that have ended, and whose tasks have not run yet
    event moved_;            // pulsed for calls that no free place suited
    std::size_t unsuited_ = 0;
    event unused_;  // no connection is left
    bool closing_ = false;
    bool shut_ = false;
    std::optional<task_group> tasks_;  // use what is above
};

}  // namespace conduit::rpc::detail
