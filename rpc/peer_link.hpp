// SPDX-License-Identifier: BSL-1.0
//
// The connection that a call came over, held beyond the call: for what a server does on behalf of a
// client for as long as that one is there. What is to be known of the call itself is in
// call_info.hpp.
//
//     conduit::task<void> reserve(std::string seat) override {
//         const rpc::call_info& call = co_await rpc::this_call();
//         group_.spawn(free_when_gone(call.link(), std::move(seat)));
//     }
//     ... co_await link->until_down();                    // a link is a std::shared_ptr

#pragma once

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace conduit::rpc {

namespace detail {
class connection_state;
}

/// There is one for each connection, so links are the same if their addresses are. It does not keep
/// the connection up. All use is on the scheduler of the connection; hold it while waiting on it.
class peer_link {
public:
    explicit peer_link(detail::connection_state& of);
    peer_link(const peer_link&) = delete;
    peer_link& operator=(const peer_link&) = delete;
    ~peer_link() = default;

    bool is_down() const noexcept { return down_.is_set(); }
    /// Waits until the connection is down, for whatever reason. Any number of tasks may wait.
    event::wait_operation until_down() noexcept { return down_.wait(); }
    /// In words; empty while it is up.
    const std::string& why_down() const noexcept { return why_; }

    /// As call_info::peer(), also when it is down.
    const std::optional<credentials>& peer() const noexcept { return peer_; }

    /// A handle on the process at the other end, readable once that has ended; see
    /// unix_stream::peer_process(). Fails with std::errc::not_connected when the connection is
    /// down, and with not_supported where it is none over a Unix socket.
    result<unique_fd> peer_process() const;

    /// Whether handles can be sent along.
    bool carries_handles() const noexcept;

    /// How many bytes have come from the peer: more than before means that it lives.
    std::uint64_t bytes_received() const noexcept;
    /// Has the peer send something, if it can. Does nothing when the connection is down.
    void ping() noexcept;

    /// Ends the connection; the peer is told why.
    void end(std::string why);

private:
    friend class detail::connection_state;
    void went_down(std::string why) noexcept;

    detail::connection_state* state_;  // null when it is down
    std::optional<credentials> peer_;
    std::string why_;
    event down_;
};

}  // namespace conduit::rpc
