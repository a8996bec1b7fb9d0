// SPDX-License-Identifier: BSL-1.0
//
// What conduitd does: a matchmaker at a fixed place, for as long as nobody asks it to end. Its
// command line is main.cpp; the tests run it as that one does.

#pragma once

#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace conduit::daemon {

/// As the command line says it; what is not said is by the rules of rpc/matchmaker_address.hpp.
struct options {
    bool system = false;
    bool takes_over = false;
    std::optional<std::string> listen;
    std::optional<std::string> tcp;
    std::optional<std::string> policy;
    std::optional<std::string> state;  // empty: none
    unsigned ping_ms = 5000;
    unsigned confirm_ms = 10'000;
};

/// The exit codes besides 0, of sysexits.h.
inline constexpr int exit_usage = 64;
inline constexpr int exit_unavailable = 69;  // the place is taken, or cannot be used
inline constexpr int exit_cut_off = 75;      // it ended with something under way
inline constexpr int exit_policy = 78;       // there is no good policy to begin with

/// Serves until SIGTERM or SIGINT; SIGHUP has it read the policy again. Yields the exit code; what
/// is wrong is in the log.
task<int> serve(options given);

/// How many descriptors what is done for clients may cost.
struct descriptor_shares {
    std::size_t connections = 0;
    std::size_t connections_per_user = 0;
    std::size_t handles = 0;  // that are open, and as many that are sent and not received
    std::size_t handles_per_user = 0;
};

/// Of a limit of so many, some are its own. Of the others a connection is one, and where something
/// was announced over it another one; a quarter is for handles, half of it until they are sent. Of
/// connections and of handles that are open a user has a quarter, unless there is only one.
descriptor_shares shares_of(std::size_t descriptors, bool everybody) noexcept;

/// Allows itself as many descriptors as it may have: each client is one, and its process another.
void raise_descriptor_limit() noexcept;

}  // namespace conduit::daemon
