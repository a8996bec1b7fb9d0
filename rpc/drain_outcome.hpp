// SPDX-License-Identifier: BSL-1.0
//
// How a server's graceful stop ended: whether all calls under way came to their end, or some were
// cut off when the time was over. See server.hpp and server_group.hpp.
//
//     auto end = co_await server.run();
//     co_return end.exit_status();                        // of main(): 0 where nothing was cut off

#pragma once

#include <cstddef>

namespace conduit::rpc {

class drain_outcome {
public:
    /// What exit_status() is where something was cut off: EX_TEMPFAIL of BSD's sysexits.h, for the
    /// callers may try again.
    static constexpr int exit_status_when_cut = 75;

    constexpr drain_outcome() noexcept = default;
    constexpr drain_outcome(std::size_t connections_cut, std::size_t calls_cut) noexcept
        : connections_cut_(connections_cut), calls_cut_(calls_cut) {}

    /// Whether each client had all its answers before its connection ended.
    constexpr bool is_clean() const noexcept { return connections_cut_ == 0; }

    /// Connections that were closed while something was under way on them: calls of either side, or
    /// answers that the client had not taken.
    constexpr std::size_t connections_cut() const noexcept { return connections_cut_; }
    /// Calls that the server was executing then. Their procedures were cancelled, and their callers
    /// were told that they may have run.
    constexpr std::size_t calls_cut() const noexcept { return calls_cut_; }

    /// For the end of main(): 0 when clean, else exit_status_when_cut.
    constexpr int exit_status() const noexcept { return is_clean() ? 0 : exit_status_when_cut; }

    /// Of several servers together.
    constexpr void add(const drain_outcome& more) noexcept {
        connections_cut_ += more.connections_cut_;
        calls_cut_ += more.calls_cut_;
    }

private:
    std::size_t connections_cut_ = 0;
    std::size_t calls_cut_ = 0;
};

}  // namespace conduit::rpc
