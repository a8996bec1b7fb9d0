// SPDX-License-Identifier: BSL-1.0
//
// What is in the frames: each payload to its event.

#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/detail/wire_rules.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace conduit::rpc::detail {
namespace {

using bytes_view = std::span<const std::byte>;

/// The next `size` bytes, taken from `rest`; none where it has less.
bool cut(bytes_view& rest, std::size_t size, bytes_view& out) noexcept {
    if (rest.size() < size) return false;
    out = rest.first(size);
    rest = rest.subspan(size);
    return true;
}

bool cut_u8(bytes_view& rest, std::size_t& out) noexcept {
    bytes_view bytes;
    if (!cut(rest, 1, bytes)) return false;
    out = static_cast<std::size_t>(bytes[0]);
    return true;
}

bool cut_u16(bytes_view& rest, std::size_t& out) noexcept {
    bytes_view bytes;
    if (!cut(rest, 2, bytes)) return false;
    out = get_u16(bytes.data());
    return true;
}

std::string text_of(bytes_view bytes) {
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte each) { return static_cast<char>(each); });
    return text;
}

std::string too_short(std::string_view what, std::size_t size, bytes_view rest) {
    return fmt::format("{} takes {} bytes, and the payload has {} left", what, size, rest.size());
}

/// One entry of the list; why not, or an empty text.
std::string take_setting(std::size_t id, bytes_view value, wire_settings& into) {
    if (id == software_id) {
        if (value.size() > software_max) {
            return fmt::format("setting 7 (software) has {} bytes; at most {} are allowed",
                               value.size(), software_max);
        }
        into.software = text_of(value);
        return {};
    }
    for (const setting_rule& rule : setting_rules) {
        if (rule.id != id) continue;
        if (value.size() != 4) {
            return fmt::format("setting {} ({}) has {} bytes instead of 4", id, rule.name,
                               value.size());
        }
        const std::uint32_t number = get_u32(value.data());
        if (number < rule.least || number > rule.most) {
            return fmt::format("setting {} ({}) is {}; it must be from {} to {}", id, rule.name,
                               number, rule.least, rule.most);
        }
        into.*rule.field = number;
    }
    return {};
}

std::string take_settings_list(bytes_view rest, wire_settings& into) {
    unsigned seen = 0;  // a bit for each known id
    while (!rest.empty()) {
        std::size_t id = 0;
        std::size_t size = 0;
        bytes_view value;
        if (rest.size() < 4) return too_short("a setting's id and size", 4, rest);
        cut_u16(rest, id);
        cut_u16(rest, size);
        if (!cut(rest, size, value)) {
            return too_short(fmt::format("the value of setting {}", id), size, rest);
        }
        if (id >= 1 && id <= software_id) {
            const unsigned bit = 1U << id;
            if ((seen & bit) != 0) return fmt::format("setting {} comes twice", id);
            seen |= bit;
        }
        std::string wrong = take_setting(id, value, into);
        if (!wrong.empty()) return wrong;
    }
    return {};
}

}  // namespace

bool frame_reader::take_settings(const frame_header& header, bytes_view payload,
                                 frame_events& events) {
    wire_settings theirs;
    const std::string wrong = take_settings_list(payload, theirs);
    if (!wrong.empty()) return fail(header, goaway_reason::protocol, wrong);
    begun_ = true;
    calls_max_[1] = theirs.calls_max;
    stopped_ = !events.on_settings(theirs);
    return !stopped_;
}

bool frame_reader::take_metadata(const frame_header& header, bytes_view& rest, bytes_view& out) {
    std::size_t size = 0;
    if (!cut_u16(rest, size)) {
        return fail(header, goaway_reason::protocol, too_short("the metadata's size", 2, rest));
    }
    if (size > metadata_max) {
        return fail(
            header, goaway_reason::too_large,
            fmt::format("metadata of {} bytes; at most {} are allowed", size, metadata_max));
    }
    return cut(rest, size, out) ||
           fail(header, goaway_reason::protocol, too_short("the metadata", size, rest));
}

/// `rest` is the last part of the payload, with the size before it where SIZED is set.
bool frame_reader::take_message(const frame_header& header, bytes_view rest, message_piece& out) {
    out.present = (header.flags & frame_flag::message) != 0;
    out.more = (header.flags & frame_flag::more) != 0;
    out.fin = (header.flags & frame_flag::fin) != 0;
    out.sized = (header.flags & frame_flag::sized) != 0;
    out.handles = header.handles;
    if (out.sized) {
        bytes_view size;
        if (!cut(rest, 4, size)) {
            return fail(header, goaway_reason::protocol,
                        too_short("the size of the whole message", 4, rest));
        }
        out.size = get_u32(size.data());
    } else {
        out.size = static_cast<std::uint32_t>(rest.size());
    }
    out.bytes = rest;
    if (out.size > message_most) {
        return fail(header, goaway_reason::too_large,
                    fmt::format("a message of {} bytes, where message_max is {} at most", out.size,
                                message_most));
    }
    const std::size_t limit = out.more ? piece_max : whole_message_max;
    if (rest.size() > limit) {
        return fail(header, goaway_reason::too_large,
                    fmt::format("a {} of {} bytes; one has at most {}",
                                out.more ? "piece" : "message in one frame", rest.size(), limit));
    }
    if (out.size < rest.size()) {
        return fail(header, goaway_reason::protocol,
                    fmt::format("a piece of {} bytes, of a message of {}", rest.size(), out.size));
    }
    return true;
}

bool frame_reader::take_open(const frame_header& header, bytes_view payload, frame_events& events) {
    open_event event;
    event.stream = header.stream;
    event.alias = header.aux;
    bytes_view part;
    if ((header.flags & frame_flag::deadline) != 0) {
        if (!cut(payload, 8, part)) {
            return fail(header, goaway_reason::protocol, too_short("the deadline", 8, payload));
        }
        event.deadline_us = get_u64(part.data());
    }
    if ((header.flags & frame_flag::name) != 0) {
        std::size_t size = 0;
        if (!cut_u8(payload, size)) {
            return fail(header, goaway_reason::protocol, too_short("the name's size", 1, payload));
        }
        if (size == 0) return fail(header, goaway_reason::protocol, "the name is empty");
        if (!cut(payload, size, part)) {
            return fail(header, goaway_reason::protocol, too_short("the name", size, payload));
        }
        text_ = text_of(part);
        event.name = text_;
    }
    if ((header.flags & frame_flag::meta) != 0 && !take_metadata(header, payload, event.metadata)) {
        return false;
    }
    if (!take_message(header, payload, event.message)) return false;
    stopped_ = !events.on_open(event);
    return !stopped_;
}

bool frame_reader::take_data(const frame_header& header, bytes_view payload, frame_events& events) {
    data_event event;
    event.stream = header.stream & ~receivers_stream;
    event.ours = (header.stream & receivers_stream) != 0;
    if (!take_message(header, payload, event.message)) return false;
    if (!event.message.present && !payload.empty()) {
        return fail(header, goaway_reason::protocol,
                    fmt::format("{} bytes of payload without MESSAGE", payload.size()));
    }
    if (event.message.more && event.message.bytes.empty()) {
        return fail(header, goaway_reason::protocol, "a piece of a message has no bytes");
    }
    stopped_ = !events.on_data(event);
    return !stopped_;
}

bool frame_reader::take_end(const frame_header& header, bytes_view payload, frame_events& events) {
    constexpr std::uint32_t status_most = 16;
    constexpr std::uint32_t status_unknown = 2;
    end_event event;
    event.stream = header.stream & ~receivers_stream;
    event.status = header.aux <= status_most ? header.aux : status_unknown;
    event.handles = header.handles;
    event.not_started = (header.flags & frame_flag::not_started) != 0;
    event.has_message = (header.flags & frame_flag::message) != 0;
    event.queue_us = get_u32(payload.data());
    event.run_us = get_u32(payload.data() + 4);
    payload = payload.subspan(8);
    if ((header.flags & frame_flag::meta) != 0 && !take_metadata(header, payload, event.metadata)) {
        return false;
    }
    if (!event.has_message && !payload.empty()) {
        return fail(header, goaway_reason::protocol,
                    fmt::format("{} bytes of payload without MESSAGE", payload.size()));
    }
    if (payload.size() > whole_message_max) {
        return fail(header, goaway_reason::too_large,
                    fmt::format("a message in one frame of {} bytes; one has at most {}",
                                payload.size(), whole_message_max));
    }
    event.message = payload;
    stopped_ = !events.on_end(event);
    return !stopped_;
}

bool frame_reader::take_goaway(const frame_header& header, bytes_view payload,
                               frame_events& events) {
    goaway_event event;
    event.reason = header.aux <= static_cast<std::uint32_t>(goaway_reason::internal)
                       ? static_cast<goaway_reason>(header.aux)
                       : goaway_reason::internal;
    event.opens = get_u32(payload.data());
    event.retry_after_ms = get_u32(payload.data() + 4);
    const std::size_t size = get_u16(payload.data() + 8);
    payload = payload.subspan(10);
    if (size != payload.size()) {
        return fail(
            header, goaway_reason::protocol,
            fmt::format("a text of {} bytes, and the payload has {} left", size, payload.size()));
    }
    text_ = text_of(payload);
    event.text = text_;
    stopped_ = !events.on_goaway(event);
    return !stopped_;
}

}  // namespace conduit::rpc::detail
