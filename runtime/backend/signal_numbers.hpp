// SPDX-License-Identifier: BSL-1.0
//
// The signals that conduit itself speaks of, for code that includes no kernel header.
//
//     auto watched = signal_set::open({signal_number::quit});

#pragma once

namespace conduit::signal_number {

// As in <csignal> on every Linux; signal_pipes.cpp checks.
inline constexpr int interrupt = 2;
inline constexpr int quit = 3;
inline constexpr int kill = 9;
inline constexpr int terminate = 15;

}  // namespace conduit::signal_number
