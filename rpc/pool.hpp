// SPDX-License-Identifier: BSL-1.0
//
// Connections to one or several servers that offer the same, and what keeps them up: each call goes
// over the one that is likely to answer first, connections that break are made again, and calls
// that are surely safe to repeat are repeated within a budget. With the object in one use
// pool_client.hpp; for one connection that is not made again use client.hpp.
//
//     rpc::pool servers({"unix:/run/x/1", "unix:/run/x/2"});
//     rpc::stub<calculator> calc(servers);
//     double three = co_await within(2s, calc.add(1, 2)); // waits for a server, if it must
//     co_await servers.drain();

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace conduit::rpc {

namespace detail {
class pool_state;
}

/// What happened in a pool so far.
struct pool_counters {
    std::uint64_t connects = 0;          // that succeeded, the first ones and later ones
    std::uint64_t connect_failures = 0;  // attempts
    std::uint64_t reconnects = 0;        // connects but the first to each place
    std::uint64_t retries = 0;           // calls that were made again
    std::uint64_t retries_denied = 0;    // that were safe to make, but beyond the budget
    std::uint64_t pushbacks = 0;         // waits that a server had asked for and got
    std::uint64_t goaways = 0;           // connections that a server wanted to end
};

/// Owns its connections and the tasks that make them, which begin with its construction. It belongs
/// to the scheduler and the context it was made in: what stops that context stops it as well. Any
/// number of tasks may call through it.
///
/// A call takes the better of two connections drawn by chance: the one where recent latency times
/// the calls under way is less. Where all are full, calls wait in order. Where there is none, they
/// wait for one until their deadline, and the fault then says what connecting failed with.
///
/// A call that failed is made again where its method has no stream and no handles as a parameter,
/// the fault says retry_safe() and unavailable (or resource_exhausted and when to come back), its
/// deadline leaves time, and the budget allows it. Calls whose result is a stream, one-way calls
/// and dynamic_call are not made again.
///
/// A server that says it is going gets no new calls; those under way end there, while the next
/// connection is being made. Destroying the pool ends calls under way with fault(unavailable).
class pool final : public caller {
public:
    explicit pool(std::vector<std::string> addresses, pool_options options = {});
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool() override;

    /// From now on these are the servers. Connections to others end once the calls under way there
    /// have ended; those to addresses that stay are kept.
    void set_addresses(std::vector<std::string> addresses);

    /// Takes no more calls, those that wait fail, and waits until those under way have ended. When
    /// this wait is stopped or its deadline passes, it closes at once.
    task<void> drain();

    /// Connections that take calls, and calls under way in all.
    std::size_t connections_now() const noexcept;
    std::size_t calls_made_now() const noexcept;
    pool_counters counters() const noexcept;

    detail::connection_state* ready(const detail::method_row& method) noexcept override;
    task<detail::connection_state*> until_ready(const detail::method_row& method) override;

private:
    explicit pool(std::shared_ptr<detail::pool_state> state);

    std::shared_ptr<detail::pool_state> state_;
};

}  // namespace conduit::rpc
