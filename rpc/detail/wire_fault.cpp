// SPDX-License-Identifier: BSL-1.0
//
// Why a frame is refused, in words. Nothing here runs while a peer keeps to the protocol.

#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/detail/wire_rules.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {
namespace {

wire_fault protocol(std::string text) { return {goaway_reason::protocol, std::move(text)}; }

std::string_view opener(unsigned side) { return side != 0 ? "receiver" : "sender"; }

std::string stream_text(std::uint32_t stream, unsigned sides,
                        const std::array<std::uint32_t, 2>& calls_max) {
    if (sides == 0) return fmt::format("stream {:#x} instead of 0", stream);
    const unsigned side = (stream & receivers_stream) != 0 ? 1 : 0;
    const std::uint32_t number = stream & ~receivers_stream;
    if (((sides >> side) & 1U) == 0) {
        return fmt::format("stream {} of a call that its {} opened; it must be the {}'s", number,
                           opener(side), opener(1 - side));
    }
    return fmt::format("stream {} of a call that its {} opened is not below calls_max {}", number,
                       opener(side), calls_max[side]);
}

/// Bits that may not be set here, or not with one another.
std::string flags_text(const frame_header& header) {
    const frame_rule& rule = rule_of(header.type);
    const unsigned foreign = header.flags & ~static_cast<unsigned>(rule.flags);
    if (foreign != 0) {
        return fmt::format("flags {:#04x}, of which {:#04x} do not belong here", header.flags,
                           foreign);
    }
    return fmt::format("flags {:#04x}: MESSAGE, MORE, FIN and SIZED do not go together so",
                       header.flags);
}

}  // namespace

std::string to_string(frame_type type) {
    return is_known(type) ? std::string(rule_of(type).name)
                          : fmt::format("type {}", static_cast<unsigned>(type));
}

bool frame_reader::parse_preface(bytes_view bytes) {
    const std::size_t there = std::min(bytes.size(), preface_size);
    for (std::size_t i = 0; i < std::min(there, magic.size()); ++i) {
        const auto byte = static_cast<unsigned>(bytes[i]);
        if (byte == magic[i]) continue;
        constexpr unsigned tls_alert = 0x15;
        constexpr unsigned tls_handshake = 0x16;
        if (i == 0 && (byte == tls_alert || byte == tls_handshake)) {
            return fail(goaway_reason::protocol, "the peer speaks TLS, and this side does not");
        }
        return fail(goaway_reason::protocol,
                    fmt::format("byte {} of the preface is {:#04x} instead of {:#04x}: the peer "
                                "does not speak conduit",
                                i, byte, magic[i]));
    }
    needed_ = bytes.size() + 1;
    if (there < preface_size) return false;
    const auto highest = static_cast<unsigned>(bytes[6]);
    const auto lowest = static_cast<unsigned>(bytes[7]);
    if (lowest > highest) {
        return fail(goaway_reason::protocol,
                    fmt::format("the preface has {} as the lowest version and {} as the highest",
                                lowest, highest));
    }
    if (lowest > version_highest || highest < version_lowest) {
        return fail(goaway_reason::version,
                    fmt::format("no common version: the peer speaks {} to {}, this side {} to {}",
                                lowest, highest, version_lowest, version_highest));
    }
    greeted_ = true;
    position_ = preface_size;
    return true;
}

wire_fault frame_reader::what_is_wrong_with_type(const frame_header& header) const {
    if (!begun_) return protocol("the first frame must be SETTINGS");
    if ((header.flags & frame_flag::ignorable) == 0) {
        return protocol(fmt::format("an unknown type, and flags {:#04x} without IGNORABLE (0x80)",
                                    header.flags));
    }
    if (header.length > frame_max_) {
        return {goaway_reason::too_large,
                fmt::format("length {} is above frame_max {}", header.length, frame_max_)};
    }
    return {goaway_reason::handles, fmt::format("{} handles on an unknown type", header.handles)};
}

wire_fault frame_reader::what_is_wrong(const frame_header& header) const {
    if (!is_known(header.type)) return what_is_wrong_with_type(header);
    const frame_rule& rule = rule_of(header.type);
    if (begun_ != (header.type != frame_type::settings)) {
        return protocol(begun_ ? "SETTINGS come once only" : "the first frame must be SETTINGS");
    }
    if (header.length > frame_max_) {
        return {goaway_reason::too_large,
                fmt::format("length {} is above frame_max {}", header.length, frame_max_)};
    }
    if (header.length > rule.most) {
        return {goaway_reason::too_large,
                fmt::format("length {}; a frame of this type has at most {}", header.length,
                            rule.most)};
    }
    if (header.length < rule.least) {
        return protocol(fmt::format("length {}; a frame of this type has at least {}",
                                    header.length, rule.least));
    }
    if ((header.flags & ~rule.flags) != 0 ||
        ((rule.combinations >> (header.flags & 0x0fU)) & 1U) == 0) {
        return protocol(flags_text(header));
    }
    if (header.handles > handles_max_) {
        return {goaway_reason::handles,
                fmt::format("{} handles are above handles_max {}", header.handles, handles_max_)};
    }
    if (!is_whose(header.stream, rule.sides)) {
        wire_fault wrong = protocol(stream_text(header.stream, rule.sides, calls_max_));
        wrong.is_beyond_calls_max =
            (header.stream & receivers_stream) == 0 && (rule.sides & senders_call) != 0;
        return wrong;
    }
    if (header.aux > rule.aux_most) {
        return protocol(fmt::format("aux {} is above {}", header.aux, rule.aux_most));
    }
    return {goaway_reason::handles,
            fmt::format("{} handles on a frame that does not end a message", header.handles)};
}

void frame_reader::refuse(const frame_header& header) {
    wire_fault wrong = what_is_wrong(header);
    fail(header, wrong.reason, wrong.text);
    fault_->is_beyond_calls_max = wrong.is_beyond_calls_max;
}

bool frame_reader::fail(const frame_header& header, goaway_reason reason, std::string_view text) {
    return fail(reason,
                fmt::format("{} frame at byte {}: {}", to_string(header.type), position_, text));
}

bool frame_reader::fail(goaway_reason reason, std::string text) {
    fault_ = wire_fault{reason, std::move(text)};
    return false;
}

}  // namespace conduit::rpc::detail
