// SPDX-License-Identifier: BSL-1.0
//
// Values as bytes, and bytes as values again. For text that people read use json.hpp; for the shape
// of a type as data use schema.hpp.
//
//     const auto limits = conduit::rpc::decode_limits::for_message(bytes.size());

#pragma once

#include <cstddef>

namespace conduit::rpc {

/// What a message may cost whoever decodes it. All of it is charged before memory is taken.
class decode_limits {
public:
    /// 1 MiB of output and 32 bytes for each one on the wire, at most 64 MiB in all.
    static decode_limits for_message(std::size_t wire_bytes) noexcept;

    std::size_t output_bytes() const noexcept { return output_bytes_; }

private:
    std::size_t output_bytes_ = std::size_t{1} << 20;
};

}  // namespace conduit::rpc
