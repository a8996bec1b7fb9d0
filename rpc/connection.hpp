// SPDX-License-Identifier: BSL-1.0
//
// Calls in both directions over one byte stream. Most programs write server.hpp or connect.hpp and
// never name one; it is for a stream that comes from elsewhere, and for calls back to a client.
//
//     rpc::service_table offers;
//     offers.add<calculator>(here);
//     rpc::connection peer(conduit::any_stream(std::move(socket)), offers);
//     rpc::stub<calculator> there(peer);
//     double sum = co_await there.add(1, 2);
//     co_await peer.drain();                              // what is under way ends; then it closes

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/connection_options.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace conduit::rpc {

namespace detail {
struct connection_terms;
}

/// What happened on a connection so far.
struct connection_counters {
    std::uint64_t calls_made = 0;
    std::uint64_t calls_served = 0;
    std::uint64_t calls_refused = 0;     // incoming ones: no such method, no room, bad arguments
    std::uint64_t calls_cancelled = 0;   // incoming ones, by the peer
    std::uint64_t messages_refused = 0;  // items and results that were too long or had no room
    std::uint64_t frames_skipped = 0;    // ignorable ones, and those about calls that had ended
    std::uint64_t late_answers = 0;      // that nobody waited for any more
    std::uint64_t pings_received = 0;
    std::uint64_t faults_of_peer = 0;  // ended for what the peer did: why() says what
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;

    /// Those of another connection.
    void add(const connection_counters& more) noexcept;
};

/// One end of a connection. It speaks at once, from its construction on: each side offers what is
/// in its table, which must outlive it, and may call the other.
///
/// It belongs to the scheduler it was made on and to the context it was made in, and reads and
/// writes by tasks of its own. Any number of tasks may call through it. When it goes down, also by
/// its destruction, each call under way ends once, with fault(unavailable); procedures that run for
/// the peer are asked to stop, by the destruction they are destroyed.
class connection final : public caller {
public:
    connection(any_stream over, const service_table& offers);
    connection(any_stream over, const service_table& offers, const connection_options& options);
    /// One that only calls.
    explicit connection(any_stream over);
    connection(any_stream over, const connection_options& options);
    /// One of a server's.
    connection(any_stream over, const service_table& offers, detail::connection_terms terms);
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() override;

    /// Whether new calls can be made: it is up, and no side wants to end it.
    bool is_open() const noexcept;

    /// Waits until the peer has said who it is (its SETTINGS came), or the connection has ended.
    event::wait_operation until_greeted() noexcept;

    /// Waits until it is down. What took it down is in why().
    event::wait_operation until_down() noexcept;
    bool is_down() const noexcept;

    /// As until_down(), and then until the procedures that ran for the peer have ended, which were
    /// asked to. When this wait is stopped it closes the connection and goes on waiting for them.
    /// One task at a time.
    task<void> until_ended();

    /// Why it is down, or going: the reason that this side gave or was given.
    const std::optional<detail::wire_fault>& why() const noexcept;

    /// Ends it gracefully: no new calls in either direction, then waits until those under way have
    /// ended, and closes. When this wait is stopped or its deadline passes, it closes at once.
    task<void> drain();
    /// Begins that, and returns at once.
    void start_draining();

    /// Ends it with GOAWAY(refused) and this text, which the peer has a second to take.
    void turn_away(std::string why);

    /// Closes now. The peer is told where that needs no waiting.
    void close() noexcept;

    /// Who the peer was when it connected; known on Unix sockets, after the first bytes came.
    const std::optional<credentials>& peer() const noexcept;

    /// The name that the peer has proved to have, by its certificate; empty without TLS.
    const std::string& peer_name() const noexcept;

    const connection_counters& counters() const noexcept;

    /// Calls that the peer is being served at this moment, and those that this side has made.
    std::size_t calls_served_now() const noexcept;
    std::size_t calls_made_now() const noexcept;

    detail::connection_state* ready(const detail::method_row& method) noexcept override;
    task<detail::connection_state*> until_ready(const detail::method_row& method) override;

private:
    std::unique_ptr<detail::connection_state> state_;
};

}  // namespace conduit::rpc
