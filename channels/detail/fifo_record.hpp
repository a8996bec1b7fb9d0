// SPDX-License-Identifier: BSL-1.0
//
// The format of records in a FIFO, without any I/O. fifo_record_writer.hpp describes it.
//
//     const std::size_t bytes = encode_record(payload, buffer);
//     const record_front front = look_at_front(received);
//     if (front.what == record_front::kind::whole) use(front.payload);

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace conduit {

inline constexpr std::size_t record_header_bytes = 8;
inline constexpr std::size_t record_bytes_max = 4096;  // PIPE_BUF, which keeps a write in one piece
inline constexpr std::size_t record_payload_max = record_bytes_max - record_header_bytes;

/// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4. `before` continues an earlier one.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

/// Puts header and payload into `into` and yields how many bytes that are. There must be room.
std::size_t encode_record(std::span<const std::byte> payload, std::span<std::byte> into) noexcept;

/// What bytes begin with: a whole record, what may be a part of one, or neither.
struct record_front {
    enum class kind : std::uint8_t { whole, incomplete, garbage };

    kind what = kind::garbage;
    std::span<const std::byte> payload;  // of a whole one
};

record_front look_at_front(std::span<const std::byte> bytes) noexcept;

/// How many bytes, at least one, stand before the next place where a record may begin.
std::size_t bytes_to_next_record(std::span<const std::byte> bytes) noexcept;

}  // namespace conduit
