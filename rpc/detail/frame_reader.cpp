// SPDX-License-Identifier: BSL-1.0
//
// The way of the bytes: frames where they lie, the one that is cut, those that are skipped. What is
// in a frame is taken in frame_payload.cpp.

#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/detail/wire_rules.hpp>

#include <algorithm>

namespace conduit::rpc::detail {

// The peer may have sent by the limits before SETTINGS, whatever ours say.
frame_reader::frame_reader(const wire_limits& ours)
    : frame_max_(std::max(ours.frame_max, wire_limits().frame_max)),
      calls_max_{std::max(ours.calls_max, wire_limits().calls_max), wire_limits().calls_max},
      handles_max_(ours.handles_max) {}

void frame_reader::feed(std::span<const std::byte> bytes, frame_events& events) {
    while (!bytes.empty() && is_active()) {
        if (to_skip_ != 0) {
            bytes = skip(bytes, events);
        } else if (!kept_.empty()) {
            bytes = complete(bytes, events);
        } else {
            bytes = bytes.subspan(parse(bytes, events));
            if (to_skip_ == 0 && is_active()) {
                kept_.append(bytes);
                if (!kept_.empty()) make_usual_room();
                return;
            }
        }
    }
}

/// Takes what is whole at the beginning of `bytes` and yields how long that is. Behind it begins a
/// frame of which needed_ bytes must be there, or to_skip_ bytes are to be passed over.
std::size_t frame_reader::parse(bytes_view bytes, frame_events& events) {
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    if (!greeted_) [[unlikely]] {
        if (!parse_preface(bytes)) return 0;
        at += preface_size;
    }
    while (true) {
        const auto left = static_cast<std::size_t>(end - at);
        needed_ = frame_header_size;
        if (left < needed_) break;
        const frame_header header = get_header(at);
        if (!is_in_order(header)) [[unlikely]] {
            if (may_be_skipped(header)) {
                skipped_ = header;
                to_skip_ = frame_header_size + header.length;
            } else {
                refuse(header);
            }
            break;
        }
        needed_ += header.length;
        if (left < needed_) break;
        if (!take(header, {at + frame_header_size, header.length}, events)) [[unlikely]]
            break;
        at += needed_;
        position_ += needed_;
    }
    return static_cast<std::size_t>(at - bytes.data());
}

/// The next one may be as long as the last one was: to grow by and by would copy it.
void frame_reader::make_usual_room() {
    const std::size_t likely = std::min(needed_, usual_);
    if (likely > kept_.size()) kept_.make_room(likely - kept_.size());
}

/// Adds to the frame that is kept what it lacks; yields what is behind.
frame_reader::bytes_view frame_reader::complete(bytes_view bytes, frame_events& events) {
    const std::size_t part = std::min(needed_ - kept_.size(), bytes.size());
    kept_.append(bytes.first(part));
    look_at_kept(events);
    return bytes.subspan(part);
}

void frame_reader::look_at_kept(frame_events& events) {
    if (kept_.size() != needed_) return;
    const std::size_t taken = parse(kept_.bytes(), events);
    if (taken != 0) usual_ = taken;
    if (to_skip_ != 0) {
        skip(kept_.bytes(), events);
        kept_.clear();
    } else if (taken != 0) {
        kept_.clear();  // there was but one in it
    } else {
        make_usual_room();  // there was but its header
    }
}

std::span<std::byte> frame_reader::room() {
    if (kept_.empty() || !is_active()) return {};
    constexpr std::size_t least = 16'384;
    const std::size_t size = kept_.size();
    const std::size_t missing = needed_ - size;
    const auto room = kept_.make_room(std::min(missing, std::max(size, least)));
    return room.first(std::min(missing, room.size()));
}

void frame_reader::fill(std::size_t bytes, frame_events& events) {
    kept_.grow(bytes);
    if (bytes != 0) look_at_kept(events);
}

frame_reader::bytes_view frame_reader::skip(bytes_view bytes, frame_events& events) {
    const std::size_t part = std::min(to_skip_, bytes.size());
    to_skip_ -= part;
    position_ += part;
    if (to_skip_ == 0) stopped_ = !events.on_ignored(skipped_);
    return bytes.subspan(part);
}

/// All that a header says by itself.
inline bool frame_reader::is_in_order(const frame_header& header) const noexcept {
    if (!is_known(header.type)) return false;
    const frame_rule& rule = rule_of(header.type);
    const unsigned messages = header.flags & 0x0fU;
    return (header.flags & ~rule.flags) == 0 && ((rule.combinations >> messages) & 1U) != 0 &&
           header.length >= rule.least && header.length <= rule.most &&
           header.length <= frame_max_ && is_whose(header.stream, rule.sides) &&
           header.aux <= rule.aux_most &&
           (header.handles == 0 ||
            (header.handles <= handles_max_ &&
             (messages & (frame_flag::message | frame_flag::more)) == frame_flag::message)) &&
           begun_ == (header.type != frame_type::settings);
}

bool frame_reader::may_be_skipped(const frame_header& header) const noexcept {
    return !is_known(header.type) && (header.flags & frame_flag::ignorable) != 0 && begun_ &&
           header.length <= frame_max_ && header.handles == 0;
}

bool frame_reader::take(const frame_header& header, bytes_view payload, frame_events& events) {
    const std::uint32_t stream = header.stream & ~receivers_stream;
    const bool ours = (header.stream & receivers_stream) != 0;
    bool wants_more = false;
    switch (header.type) {
        case frame_type::settings: return take_settings(header, payload, events);
        case frame_type::open: return take_open(header, payload, events);
        case frame_type::data: return take_data(header, payload, events);
        case frame_type::end: return take_end(header, payload, events);
        case frame_type::goaway: return take_goaway(header, payload, events);
        case frame_type::cancel:
            if (header.aux != 1 && header.aux != 4) {
                return fail(header, goaway_reason::protocol,
                            "aux is neither 1 (cancelled) nor 4 (deadline_exceeded)");
            }
            wants_more = events.on_cancel(stream, header.aux);
            break;
        case frame_type::credit: wants_more = events.on_credit(stream, ours, header.aux); break;
        case frame_type::ping: wants_more = events.on_ping(get_u64(payload.data())); break;
        case frame_type::pong: wants_more = events.on_pong(get_u64(payload.data())); break;
    }
    stopped_ = !wants_more;
    return wants_more;
}

}  // namespace conduit::rpc::detail
