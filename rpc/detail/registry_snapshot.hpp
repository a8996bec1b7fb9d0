// SPDX-License-Identifier: BSL-1.0
//
// What a matchmaker that starts again has to know of its predecessor's table: plain structs, to be
// encoded into a file. Waiters and watchers are not among it, their connections end with it.
//
//     write(table.snapshot());                                            // the predecessor
//     auto adopted = table.adopt(read(), this_boot, clock::now() + 10s);  // the successor

#pragma once

#include <conduit/rpc/detail/instance_rules.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

struct registry_snapshot {
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    std::vector<instance> instances;  // in the order of their ids
};

/// What became of a snapshot. Who wrote it may have been another program, or a broken disk.
struct registry_adopted {
    std::size_t taken = 0;
    std::size_t dropped = 0;
    std::string first_problem;  // why the first one was dropped
};

}  // namespace conduit::rpc::detail
