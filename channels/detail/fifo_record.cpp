// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_record.hpp>

#include <algorithm>
#include <array>

namespace conduit {
namespace {

constexpr std::array<std::byte, 2> mark{std::byte{0xc5}, std::byte{0x1f}};
constexpr std::size_t length_at = 2;
constexpr std::size_t checksum_at = 4;

constexpr std::array<std::uint32_t, 256> make_table() noexcept {
    constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * polynomial);
        table[i] = value;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> table = make_table();

void put(std::span<std::byte> into, std::uint32_t value) noexcept {
    for (std::byte& each : into) {
        each = static_cast<std::byte>(value);
        value >>= 8;
    }
}

std::uint32_t number_in(std::span<const std::byte> bytes) noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes[i]);
    }
    return value;
}

/// Of the length and the payload.
std::uint32_t checksum_of(std::span<const std::byte> record) noexcept {
    const std::uint32_t of_length = crc32c(record.subspan(length_at, checksum_at - length_at));
    return crc32c(record.subspan(record_header_bytes), of_length);
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
    std::uint32_t value = ~before;
    for (const std::byte each : bytes) {
        value = (value >> 8) ^ table[(value ^ std::to_integer<std::uint32_t>(each)) & 0xff];
    }
    return ~value;
}

std::size_t encode_record(std::span<const std::byte> payload, std::span<std::byte> into) noexcept {
    const auto record = into.first(record_header_bytes + payload.size());
    std::copy(mark.begin(), mark.end(), record.begin());
    put(record.subspan(length_at, checksum_at - length_at),
        static_cast<std::uint32_t>(payload.size()));
    std::copy(payload.begin(), payload.end(), record.begin() + record_header_bytes);
    put(record.subspan(checksum_at, record_header_bytes - checksum_at), checksum_of(record));
    return record.size();
}

record_front look_at_front(std::span<const std::byte> bytes) noexcept {
    record_front front;
    const std::size_t marked = std::min(mark.size(), bytes.size());
    if (!std::equal(mark.begin(), mark.begin() + marked, bytes.begin())) return front;
    if (bytes.size() < record_header_bytes) {
        front.what = record_front::kind::incomplete;
        return front;
    }
    const std::size_t length = number_in(bytes.subspan(length_at, checksum_at - length_at));
    if (length > record_payload_max) return front;
    if (bytes.size() < record_header_bytes + length) {
        front.what = record_front::kind::incomplete;
        return front;
    }
    const auto record = bytes.first(record_header_bytes + length);
    const auto stated = record.subspan(checksum_at, record_header_bytes - checksum_at);
    if (number_in(stated) != checksum_of(record)) return front;
    front.what = record_front::kind::whole;
    front.payload = record.subspan(record_header_bytes);
    return front;
}

std::size_t bytes_to_next_record(std::span<const std::byte> bytes) noexcept {
    const auto next = std::find(bytes.begin() + 1, bytes.end(), mark[0]);
    return static_cast<std::size_t>(next - bytes.begin());
}

}  // namespace conduit
