// SPDX-License-Identifier: BSL-1.0
//
// What a message may cost whoever decodes it. codec.hpp charges for memory before it is taken, so
// that a few bytes of a hostile peer cannot become gigabytes.
//
//     auto limits = rpc::decode_limits::for_message(bytes.size()).depth(8);
//     auto decoded = rpc::decode_fields(bytes, limits, {}, request);

#pragma once

#include <cstddef>

namespace conduit::rpc {

/// The limits of one message. Default-made, they are those for a message of no bytes.
class decode_limits {
public:
    constexpr decode_limits() noexcept = default;

    /// Output of 1 MiB and 32 bytes for each one on the wire, at most 64 MiB in all.
    static constexpr decode_limits for_message(std::size_t wire_bytes) noexcept {
        constexpr std::size_t base = std::size_t{1} << 20;
        constexpr std::size_t most = std::size_t{64} << 20;
        const std::size_t allowed = wire_bytes < most / 32 ? base + wire_bytes * 32 : most;
        return decode_limits().output_bytes(allowed < most ? allowed : most);
    }

    /// How much memory the values may take beyond the fields themselves, with what the allocator
    /// adds to it.
    constexpr decode_limits& output_bytes(std::size_t n) noexcept {
        output_bytes_ = n;
        return *this;
    }
    /// How many elements all containers may have together. Characters and scalars side by side in
    /// a string or vector do not count: they take no more memory than they took on the wire.
    constexpr decode_limits& elements(std::size_t n) noexcept {
        elements_ = n;
        return *this;
    }
    /// How many structs may lie within each other, of types that contain themselves. Of other types
    /// the type itself says how deep it is.
    constexpr decode_limits& depth(std::size_t n) noexcept {
        depth_ = n;
        return *this;
    }

    constexpr std::size_t output_bytes() const noexcept { return output_bytes_; }
    constexpr std::size_t elements() const noexcept { return elements_; }
    constexpr std::size_t depth() const noexcept { return depth_; }

private:
    std::size_t output_bytes_ = std::size_t{1} << 20;
    std::size_t elements_ = 1'000'000;
    std::size_t depth_ = 32;
};

}  // namespace conduit::rpc
