// SPDX-License-Identifier: BSL-1.0
//
// Structs as JSON text on one line, by conduit's own codec: what is printed with --json.
//
//     struct shown { std::string name; std::uint32_t pid = 0; };
//     json_of(shown{"a", 7});                             // {"name": "a", "pid": 7}

#pragma once

#include "printable.hpp"

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/json.hpp>
#include <conduit/rpc/schema.hpp>
#include <conduit/runtime/assert.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace conduit::tool {

/// As docs/reference/encoding.md says, and harmless to a terminal.
template <rpc::codable T>
std::string json_of(const T& value) {
    std::vector<std::byte> bytes(rpc::encoded_size(value));
    rpc::encode_fields(bytes.data(), value);
    auto text = rpc::fields_to_json(rpc::schema_of<T>(), bytes,
                                    rpc::decode_limits::for_message(bytes.size()));
    CONDUIT_ASSERT(static_cast<bool>(text), "what was encoded here can be read here");
    return printable_json(*text);
}

}  // namespace conduit::tool
