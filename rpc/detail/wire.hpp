// SPDX-License-Identifier: BSL-1.0
//
// The frame engine: the bytes of docs/reference/wire-protocol.md to events and back, without any
// I/O. What the frames of a call mean together is the business of connection.hpp.
//
//     frame_reader in(limits);
//     in.feed(arrived, events);                       // calls events.on_open(...), on_data(...)
//     if (in.broken()) ... in.why().text              // and the connection ends with GOAWAY

#pragma once

#include <conduit/channels/kept_bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::detail {

enum class frame_type : std::uint8_t {
    settings = 1,
    open,
    data,
    end,
    cancel,
    credit,
    ping,
    pong,
    goaway,
};

namespace frame_flag {
inline constexpr std::uint8_t message = 0x01;
inline constexpr std::uint8_t more = 0x02;
inline constexpr std::uint8_t fin = 0x04;
inline constexpr std::uint8_t sized = 0x08;
inline constexpr std::uint8_t name = 0x10;
inline constexpr std::uint8_t deadline = 0x20;     // OPEN
inline constexpr std::uint8_t not_started = 0x20;  // END
inline constexpr std::uint8_t meta = 0x40;
inline constexpr std::uint8_t ignorable = 0x80;
}  // namespace frame_flag

/// Set in `stream` of a frame about a call that its receiver opened.
inline constexpr std::uint32_t receivers_stream = 0x8000'0000;

struct frame_header {
    std::uint32_t length = 0;
    frame_type type{};
    std::uint8_t flags = 0;
    std::uint16_t handles = 0;
    std::uint32_t stream = 0;
    std::uint32_t aux = 0;
};

inline constexpr std::size_t preface_size = 8;
inline constexpr std::size_t frame_header_size = 16;
inline constexpr std::size_t whole_message_max = 131'072;  // a longer one is cut
inline constexpr std::size_t piece_max = 65'536;
inline constexpr std::size_t aliases_max = 1024;
inline constexpr std::size_t metadata_max = 8192;
inline constexpr std::size_t greeting_max = 4096;  // preface and SETTINGS
inline constexpr std::size_t software_max = 64;
inline constexpr std::size_t goaway_text_max = 1024;
inline constexpr std::uint32_t credit_max = 0x7fff'ffff;
inline constexpr std::uint32_t no_retry_after = 0xffff'ffff;
inline constexpr std::uint8_t version_highest = 1;
inline constexpr std::uint8_t version_lowest = 1;

/// What one side takes; the defaults are what is assumed before it was told.
struct wire_limits {
    std::uint32_t frame_max = 147'456;
    std::uint32_t calls_max = 128;
    std::uint32_t message_max = 4'194'304;
    std::uint32_t window = 65'536;
    std::uint32_t keep_alive_ms = 0;
    std::uint32_t handles_max = 0;
};

/// What one side tells the other.
struct wire_settings : wire_limits {
    std::string software;
};

enum class goaway_reason : std::uint8_t {
    draining,
    shutdown,
    protocol,
    too_large,
    version,
    too_much,
    timeout,
    refused,
    handles,
    internal,
};

/// Why a connection ends: what the peer is told, and what the log says.
struct wire_fault {
    goaway_reason reason = goaway_reason::protocol;
    std::string text;
    bool is_beyond_calls_max = false;  // a call has a number that is too high
};

/// "OPEN"; "type 77" for one that this side does not know.
std::string to_string(frame_type type);

/// A message, or a piece of one, inside a frame. The bytes are valid during the event only.
struct message_piece {
    std::span<const std::byte> bytes;
    std::uint32_t size = 0;  // of the whole message; the piece's own unless `sized`
    std::uint16_t handles = 0;
    bool present = false;  // a message may have 0 bytes
    bool sized = false;    // the first piece of a cut message
    bool more = false;
    bool fin = false;
};

// In all events `stream` is the bare number, without receivers_stream.

struct open_event {
    std::uint32_t stream = 0;
    std::uint32_t alias = 0;
    std::string_view name;  // empty where the alias is known
    std::optional<std::uint64_t> deadline_us;
    std::span<const std::byte> metadata;
    message_piece message;
};

struct data_event {
    std::uint32_t stream = 0;
    bool ours = false;  // the receiver of the frame opened the call
    message_piece message;
};

struct end_event {
    std::uint32_t stream = 0;
    std::uint32_t status = 0;  // at most 16
    std::uint32_t queue_us = 0;
    std::uint32_t run_us = 0;
    std::span<const std::byte> metadata;
    std::span<const std::byte> message;  // the result or the fault
    std::uint16_t handles = 0;
    bool has_message = false;
    bool not_started = false;
};

struct goaway_event {
    goaway_reason reason{};
    std::uint32_t opens = 0;
    std::uint32_t retry_after_ms = no_retry_after;
    std::string_view text;  // as it came: escape it before it is shown
};

/// What a frame_reader calls. One that returns false has had enough: feed() returns at once, and
/// the reader is not to be fed again.
class frame_events {
public:
    virtual bool on_settings(const wire_settings& theirs) = 0;
    virtual bool on_open(const open_event& event) = 0;
    virtual bool on_data(const data_event& event) = 0;
    virtual bool on_end(const end_event& event) = 0;
    virtual bool on_cancel(std::uint32_t stream, std::uint32_t status) = 0;
    virtual bool on_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) = 0;
    virtual bool on_ping(std::uint64_t value) = 0;
    virtual bool on_pong(std::uint64_t value) = 0;
    virtual bool on_goaway(const goaway_event& event) = 0;
    /// A frame of an unknown type that says it may be ignored.
    virtual bool on_ignored(const frame_header& header) = 0;

protected:
    ~frame_events() = default;
};

/// Bytes in, events out. Frames are parsed where they are; only one that is cut by the end of what
/// was fed is kept, in memory that grows with what has arrived and is used again.
///
/// What one frame says is checked here against the protocol and against the limits that `ours` has
/// announced (or against those before it, where they are wider: the peer may not have seen ours).
/// What a frame means after others is left to the connection: whether a call exists, an alias was
/// named, the pieces of a message add up. So is message_max: a message beyond it costs its call,
/// and one beyond what any side may announce the connection.
class frame_reader {
public:
    /// `ours` is what this side announces: its limits bound what is taken.
    explicit frame_reader(const wire_limits& ours);

    /// Parses `bytes`. The same bytes in other portions give the same events, and the same fault
    /// behind the same event. An event must not call back into the reader.
    void feed(std::span<const std::byte> bytes, frame_events& events);

    /// Where more of the frame that is kept may be read to, so that it need not be copied: no
    /// further than its end, and no more than has come of it, or of the last one that was kept, or
    /// 16 KiB. Empty where none is kept.
    std::span<std::byte> room();
    /// So many bytes, 0 or more, were read there. Follows room() before anything else.
    void fill(std::size_t bytes, frame_events& events);

    /// The peer broke a rule of the protocol; nothing is parsed any more.
    bool broken() const noexcept { return fault_.has_value(); }
    const wire_fault& why() const noexcept { return *fault_; }

    /// Whether preface and SETTINGS have come.
    bool begun() const noexcept { return begun_; }
    /// Whether nothing of a frame (or of the preface) is kept: the place where a stream may end.
    bool between_frames() const noexcept { return kept_.empty() && to_skip_ == 0; }
    /// How many bytes of a frame that is not complete are kept.
    std::size_t kept() const noexcept { return kept_.size(); }
    /// How many bytes the frame that is kept lacks, as far as is known; 0 where none is kept.
    std::size_t missing() const noexcept { return kept_.empty() ? 0 : needed_ - kept_.size(); }
    /// How many bytes of memory are held for that: two and a half times what is kept at most, or a
    /// block for one as long as the last that was kept, or for what room() gave.
    std::size_t memory() const noexcept { return kept_.memory(); }

private:
    using bytes_view = std::span<const std::byte>;

    bool is_active() const noexcept { return !stopped_ && !fault_; }
    std::size_t parse(bytes_view bytes, frame_events& events);
    bool parse_preface(bytes_view bytes);
    void look_at_kept(frame_events& events);
    void make_usual_room();
    bytes_view complete(bytes_view bytes, frame_events& events);
    bytes_view skip(bytes_view bytes, frame_events& events);

    bool is_in_order(const frame_header& header) const noexcept;
    bool may_be_skipped(const frame_header& header) const noexcept;
    bool is_whose(std::uint32_t stream, unsigned sides) const noexcept {
        if (sides == 0) return stream == 0;
        const std::uint32_t side = (stream & receivers_stream) != 0 ? 1 : 0;
        return ((sides >> side) & 1U) != 0 && (stream & ~receivers_stream) < calls_max_[side];
    }

    bool take(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_settings(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_open(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_data(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_end(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_goaway(const frame_header& header, bytes_view payload, frame_events& events);
    bool take_metadata(const frame_header& header, bytes_view& rest, bytes_view& out);
    bool take_message(const frame_header& header, bytes_view rest, message_piece& out);

    void refuse(const frame_header& header);
    wire_fault what_is_wrong_with_type(const frame_header& header) const;
    wire_fault what_is_wrong(const frame_header& header) const;
    bool fail(goaway_reason reason, std::string text);
    bool fail(const frame_header& header, goaway_reason reason, std::string_view text);

    std::optional<wire_fault> fault_;
    std::string text_;  // of the event at hand, if it has one
    kept_bytes kept_;
    std::size_t usual_ = 0;       // how long the last frame was that was kept
    std::size_t needed_ = 0;      // how many bytes must be kept before they are looked at again
    std::uint64_t position_ = 0;  // where the frame at hand begins, in all that was fed
    frame_header skipped_;        // of which to_skip_ bytes are still to come
    std::size_t to_skip_ = 0;
    std::uint32_t frame_max_;
    std::array<std::uint32_t, 2> calls_max_;  // of calls that the peer opened, that we opened
    std::uint32_t handles_max_;
    bool greeted_ = false;  // the preface has come
    bool begun_ = false;
    bool stopped_ = false;
};

// Numbers as they stand in frames, at any alignment. The put_ functions write at `to` and yield the
// place behind.

inline std::uint16_t get_u16(const std::byte* from) noexcept {
    return static_cast<std::uint16_t>(static_cast<unsigned>(from[0]) |
                                      static_cast<unsigned>(from[1]) << 8);
}
inline std::uint32_t get_u32(const std::byte* from) noexcept {
    return static_cast<std::uint32_t>(from[0]) | static_cast<std::uint32_t>(from[1]) << 8 |
           static_cast<std::uint32_t>(from[2]) << 16 | static_cast<std::uint32_t>(from[3]) << 24;
}
inline std::uint64_t get_u64(const std::byte* from) noexcept {
    return get_u32(from) | static_cast<std::uint64_t>(get_u32(from + 4)) << 32;
}
inline frame_header get_header(const std::byte* from) noexcept {
    return {get_u32(from),
            static_cast<frame_type>(from[4]),
            static_cast<std::uint8_t>(from[5]),
            get_u16(from + 6),
            get_u32(from + 8),
            get_u32(from + 12)};
}

inline std::byte* put_u16(std::byte* to, std::uint16_t value) noexcept {
    to[0] = static_cast<std::byte>(value);
    to[1] = static_cast<std::byte>(value >> 8);
    return to + 2;
}
inline std::byte* put_u32(std::byte* to, std::uint32_t value) noexcept {
    to[0] = static_cast<std::byte>(value);
    to[1] = static_cast<std::byte>(value >> 8);
    to[2] = static_cast<std::byte>(value >> 16);
    to[3] = static_cast<std::byte>(value >> 24);
    return to + 4;
}
inline std::byte* put_u64(std::byte* to, std::uint64_t value) noexcept {
    return put_u32(put_u32(to, static_cast<std::uint32_t>(value)),
                   static_cast<std::uint32_t>(value >> 32));
}
inline std::byte* put_header(std::byte* to, const frame_header& header) noexcept {
    to = put_u32(to, header.length);
    *to++ = static_cast<std::byte>(header.type);
    *to++ = static_cast<std::byte>(header.flags);
    to = put_u16(to, header.handles);
    return put_u32(put_u32(to, header.stream), header.aux);
}

/// Preface and SETTINGS. Asserts that the values are within their bounds.
std::vector<std::byte> make_greeting(const wire_settings& ours);

using small_frame = std::array<std::byte, frame_header_size>;
small_frame make_cancel(std::uint32_t stream, std::uint32_t status) noexcept;
/// `ours`: the sender of the CREDIT opened the call.
small_frame make_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) noexcept;
std::array<std::byte, frame_header_size + 8> make_ping(std::uint64_t value) noexcept;
std::array<std::byte, frame_header_size + 8> make_pong(std::uint64_t value) noexcept;
/// A text beyond 1,024 bytes is cut, between two characters.
std::vector<std::byte> make_goaway(goaway_reason reason, std::uint32_t opens,
                                   std::uint32_t retry_after_ms, std::string_view text);

}  // namespace conduit::rpc::detail
