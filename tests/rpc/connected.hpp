// SPDX-License-Identifier: BSL-1.0
//
// Two connections inside one process, for the tests of what is called through them.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/service_table.hpp>

#include <utility>

namespace conduit::rpc::test {

/// `here` calls what `there` offers.
class connected {
public:
    explicit connected(const service_table& offers, const connection_options& options = {})
        : connected(make_memory_stream_pair(), offers, options) {}

private:
    connected(memory_stream_ends ends, const service_table& offers,
              const connection_options& options)
        : there(any_stream(std::move(ends.second)), offers, options),
          here(any_stream(std::move(ends.first)), options) {}

public:
    connection there;
    connection here;
};

}  // namespace conduit::rpc::test
