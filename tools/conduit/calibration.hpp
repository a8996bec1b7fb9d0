// SPDX-License-Identifier: BSL-1.0
//
// What a backend costs on this host, measured in a moment. bench/ measures properly; this only
// tells which of two is cheaper here.
//
//     calibration on_epoll = calibrate(backend_kind::epoll, 50ms);

#pragma once

#include <conduit/runtime/scheduler.hpp>

#include <chrono>
#include <cstddef>

namespace conduit::tool {

inline constexpr std::size_t calibration_sockets = 64;

/// Processor time of this thread for one byte there and one back, both ends in one scheduler.
struct calibration {
    std::chrono::nanoseconds one_at_a_time{0};  // over one Unix socket
    std::chrono::nanoseconds many_at_once{0};   // over calibration_sockets of them
};

/// Takes `time`, half for each number. On a thread that runs no scheduler; throws std::system_error
/// where the backend, or so many sockets, cannot be had.
calibration calibrate(backend_kind backend, std::chrono::milliseconds time);

}  // namespace conduit::tool
