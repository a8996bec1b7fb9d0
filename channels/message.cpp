// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/message.hpp>

#include <fmt/core.h>

namespace conduit {

message_header make_message_header(std::uint32_t length) noexcept {
    message_header header{};
    for (std::byte& each : header) {
        each = static_cast<std::byte>(length & 0xff);
        length >>= 8;
    }
    return header;
}

std::uint32_t message_length(std::span<const std::byte, 4> header) noexcept {
    std::uint32_t length = 0;
    for (std::size_t i = header.size(); i-- > 0;) {
        length = length << 8 | std::to_integer<std::uint32_t>(header[i]);
    }
    return length;
}

std::string message_refusal(std::size_t length, std::size_t message_max) {
    return fmt::format("a message of {} bytes, where at most {} are allowed", length, message_max);
}

}  // namespace conduit
