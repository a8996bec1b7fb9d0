// SPDX-License-Identifier: BSL-1.0
//
// The tables of docs/reference/wire-protocol.md: what each type of frame may carry, and what a side
// may announce. For what reads and writes frames by them see wire.hpp.
//
//     const frame_rule& rule = rule_of(frame_type::open);
//     if (header.aux > rule.aux_most) ...                     // no alias
//     for (const setting_rule& setting : setting_rules) ...   // all but `software`

#pragma once

#include <conduit/rpc/detail/wire.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace conduit::rpc::detail {

/// Whose number may stand in `stream`: bits of frame_rule::sides. With neither it is 0.
inline constexpr unsigned senders_call = 1;
inline constexpr unsigned receivers_call = 2;

inline constexpr std::uint32_t any_u32 = 0xffff'ffff;

struct frame_rule {
    std::string_view name;
    std::uint8_t flags = 0;  // that may be set
    // Of the flags MESSAGE, MORE, FIN and SIZED: bit n is set where the combination n is allowed.
    std::uint16_t combinations = 1;
    std::uint8_t sides = 0;
    std::uint32_t aux_most = 0;
    std::uint32_t least = 0;  // bytes of payload; frame_max bounds them as well
    std::uint32_t most = 0;
};

constexpr std::uint16_t allowing(int flags) { return static_cast<std::uint16_t>(1U << flags); }

// A message that is whole, with FIN or without, and a first piece of one that is cut.
inline constexpr std::uint16_t first_or_whole =
    allowing(frame_flag::message) | allowing(frame_flag::message | frame_flag::fin) |
    allowing(frame_flag::message | frame_flag::more | frame_flag::sized);
inline constexpr std::uint8_t flags_of_messages =
    frame_flag::message | frame_flag::more | frame_flag::fin | frame_flag::sized;
inline constexpr std::uint32_t settings_most = greeting_max - preface_size - frame_header_size;

/// By type; the first one is none.
inline constexpr std::array<frame_rule, 10> frame_rules = {{
    {},
    {"SETTINGS", 0, 1, 0, 0, 0, settings_most},
    {"OPEN", flags_of_messages | frame_flag::name | frame_flag::deadline | frame_flag::meta,
     first_or_whole, senders_call, aliases_max - 1, 0, any_u32},
    {"DATA", flags_of_messages,
     first_or_whole | allowing(frame_flag::fin) | allowing(frame_flag::message | frame_flag::more),
     senders_call | receivers_call, 0, 0, any_u32},
    {"END", frame_flag::message | frame_flag::not_started | frame_flag::meta,
     1 | allowing(frame_flag::message), receivers_call, any_u32, 8, any_u32},
    {"CANCEL", 0, 1, senders_call, 4, 0, 0},
    {"CREDIT", 0, 1, senders_call | receivers_call, credit_max, 0, 0},
    {"PING", 0, 1, 0, 0, 8, 8},
    {"PONG", 0, 1, 0, 0, 8, 8},
    {"GOAWAY", 0, 1, 0, any_u32, 10, 10 + goaway_text_max},
}};

constexpr bool is_known(frame_type type) noexcept {
    return type >= frame_type::settings && type <= frame_type::goaway;
}
constexpr const frame_rule& rule_of(frame_type type) noexcept {
    return frame_rules[static_cast<std::size_t>(type)];
}

/// What message_max may be at most.
inline constexpr std::uint32_t message_most = 67'108'864;

struct setting_rule {
    std::uint16_t id;
    std::string_view name;
    std::uint32_t wire_limits::* field;
    std::uint32_t least;
    std::uint32_t most;
};

inline constexpr std::array<setting_rule, 6> setting_rules = {{
    {1, "frame_max", &wire_limits::frame_max, 16'384, 16'777'215},
    {2, "calls_max", &wire_limits::calls_max, 128, 65'536},
    {3, "message_max", &wire_limits::message_max, 65'536, message_most},
    {4, "window", &wire_limits::window, 65'536, 16'777'216},
    {5, "keep_alive", &wire_limits::keep_alive_ms, 0, any_u32},
    {6, "handles_max", &wire_limits::handles_max, 0, 16},
}};
inline constexpr std::uint16_t software_id = 7;

inline constexpr std::array<std::uint8_t, 6> magic = {0xc0, 'n', 'd', 'u', 'i', 't'};

}  // namespace conduit::rpc::detail
