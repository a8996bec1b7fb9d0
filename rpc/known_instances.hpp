// SPDX-License-Identifier: BSL-1.0
//
// What a balanced client knows of its servers, and how far to trust that. See balanced_client.hpp.
//
//     const rpc::known_instances servers = calc.known();
//     if (servers.source == rpc::answer_source::cache) ...     // so it was `age` ago

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

namespace conduit::rpc {

/// A value.
struct known_instances {
    table_position at;
    answer_source source = answer_source::live;  // cache while the matchmaker is away
    std::chrono::milliseconds age{0};            // since it was so; 0 where the source is live
    bool is_complete = false;                    // the matchmaker has told of all there are
    /// In the order of preference. The last `kept` of them are not known to the matchmaker, which
    /// has restarted, and are used for a while all the same.
    std::vector<instance> instances;
    std::size_t kept = 0;
};

}  // namespace conduit::rpc
