// SPDX-License-Identifier: BSL-1.0
//
// What is asked of a matchmaker in tests.
//
//     auto found = co_await client->lookup(test::query_of("demo.echo"));
//     auto watch = client->watch(test::all_names(), std::nullopt);

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

inline rpc::instance_query query_of(std::string name, std::vector<std::string> tags = {}) {
    return {std::move(name), std::nullopt, std::move(tags)};
}

inline rpc::name_pattern all_names() { return {std::string(), true}; }

/// Whether this runs on a real kernel: for what is not simulated.
inline bool is_real() { return scheduler::current().backend_name() != "sim"; }

}  // namespace conduit::test
