// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/detail/wire_rules.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>

namespace conduit::rpc::detail {
namespace {

/// The longest beginning of at most `bytes_max` bytes that does not end inside a character.
std::string_view beginning(std::string_view text, std::size_t bytes_max) noexcept {
    if (text.size() <= bytes_max) return text;
    std::size_t end = bytes_max;
    while (end > 0 && bytes_max - end < 3 &&
           (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
        --end;
    }
    return text.substr(0, end);
}

std::byte* put_text(std::byte* to, std::string_view text) noexcept {
    return std::transform(text.begin(), text.end(), to,
                          [](char c) { return static_cast<std::byte>(c); });
}

small_frame make_small(frame_type type, std::uint32_t stream, std::uint32_t aux) noexcept {
    small_frame frame;
    put_header(frame.data(), {0, type, 0, 0, stream, aux});
    return frame;
}

std::array<std::byte, frame_header_size + 8> make_echo(frame_type type,
                                                       std::uint64_t value) noexcept {
    std::array<std::byte, frame_header_size + 8> frame;
    put_u64(put_header(frame.data(), {8, type, 0, 0, 0, 0}), value);
    return frame;
}

}  // namespace

std::vector<std::byte> make_greeting(const wire_settings& ours) {
    CONDUIT_ASSERT(ours.software.size() <= software_max, "software has at most 64 bytes");
    const std::size_t length = setting_rules.size() * 8 + 4 + ours.software.size();
    std::vector<std::byte> greeting(preface_size + frame_header_size + length);
    std::byte* to = greeting.data();
    for (const std::uint8_t byte : magic) *to++ = static_cast<std::byte>(byte);
    *to++ = static_cast<std::byte>(version_highest);
    *to++ = static_cast<std::byte>(version_lowest);
    to = put_header(to, {static_cast<std::uint32_t>(length), frame_type::settings, 0, 0, 0, 0});
    for (const setting_rule& rule : setting_rules) {
        const std::uint32_t value = ours.*rule.field;
        CONDUIT_ASSERT(value >= rule.least && value <= rule.most,
                       "a setting is within the bounds that the protocol sets");
        to = put_u32(put_u16(put_u16(to, rule.id), 4), value);
    }
    to = put_u16(put_u16(to, software_id), static_cast<std::uint16_t>(ours.software.size()));
    put_text(to, ours.software);
    return greeting;
}

small_frame make_cancel(std::uint32_t stream, std::uint32_t status) noexcept {
    return make_small(frame_type::cancel, stream, status);
}

small_frame make_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) noexcept {
    return make_small(frame_type::credit, ours ? stream : stream | receivers_stream, bytes);
}

std::array<std::byte, frame_header_size + 8> make_ping(std::uint64_t value) noexcept {
    return make_echo(frame_type::ping, value);
}

std::array<std::byte, frame_header_size + 8> make_pong(std::uint64_t value) noexcept {
    return make_echo(frame_type::pong, value);
}

std::vector<std::byte> make_goaway(goaway_reason reason, std::uint32_t opens,
                                   std::uint32_t retry_after_ms, std::string_view text) {
    text = beginning(text, goaway_text_max);
    const std::size_t length = 10 + text.size();
    std::vector<std::byte> frame(frame_header_size + length);
    std::byte* to =
        put_header(frame.data(), {static_cast<std::uint32_t>(length), frame_type::goaway, 0, 0, 0,
                                  static_cast<std::uint32_t>(reason)});
    to = put_u32(put_u32(to, opens), retry_after_ms);
    put_text(put_u16(to, static_cast<std::uint16_t>(text.size())), text);
    return frame;
}

}  // namespace conduit::rpc::detail
