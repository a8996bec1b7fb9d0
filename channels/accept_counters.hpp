// SPDX-License-Identifier: BSL-1.0
//
// What a listener has done so far, for the metrics of a server. unix_listener.hpp and
// tcp_listener.hpp have one each.
//
//     const conduit::accept_counters& so_far = listener.counters();
//     if (so_far.backed_off > 0) report("out of descriptors", so_far.backed_off);

#pragma once

#include <cstdint>

namespace conduit {

/// All only grow. Read on the listener's thread.
struct accept_counters {
    std::uint64_t accepted = 0;    // refused ones included
    std::uint64_t refused = 0;     // of users not allowed, or that there was no memory for
    std::uint64_t backed_off = 0;  // times it waited because the kernel could give no connection
};

}  // namespace conduit
