// SPDX-License-Identifier: BSL-1.0

#include "wire_frames.hpp"

#include <algorithm>
#include <utility>

namespace conduit::test {
namespace {

namespace flag = rpc::detail::frame_flag;
using namespace rpc::detail;

void append(bytes& to, const bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

void append_text(bytes& to, std::string_view text) { append(to, to_bytes(text)); }

template <class Array>
bytes copied(const Array& from) {
    return {from.begin(), from.end()};
}

}  // namespace

bytes joined(std::initializer_list<bytes> parts) {
    bytes all;
    for (const bytes& part : parts) append(all, part);
    return all;
}

bytes to_bytes(std::string_view text) {
    bytes out(text.size());
    std::transform(text.begin(), text.end(), out.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    return out;
}

bytes frame(frame_header header, const bytes& payload) {
    header.length = static_cast<std::uint32_t>(payload.size());
    bytes out(frame_header_size);
    put_header(out.data(), header);
    append(out, payload);
    return out;
}

bytes greeting(std::uint32_t handles_max) {
    wire_settings settings;
    settings.handles_max = handles_max;
    settings.software = "test";
    return make_greeting(settings);
}

bytes open_frame(std::uint32_t stream, std::uint32_t alias, const open_parts& parts,
                 std::uint16_t handles) {
    frame_header header{0, frame_type::open, flag::message, handles, stream, alias};
    bytes payload(8);
    if (parts.deadline_us != 0) {
        header.flags |= flag::deadline;
        put_u64(payload.data(), parts.deadline_us);
    } else {
        payload.clear();
    }
    if (!parts.name.empty()) {
        header.flags |= flag::name;
        payload.push_back(static_cast<std::byte>(parts.name.size()));
        append_text(payload, parts.name);
    }
    if (!parts.metadata.empty()) {
        header.flags |= flag::meta;
        payload.resize(payload.size() + 2);
        put_u16(payload.data() + payload.size() - 2,
                static_cast<std::uint16_t>(parts.metadata.size()));
        append_text(payload, parts.metadata);
    }
    if (parts.size != 0) {
        header.flags |= flag::sized | flag::more;
        payload.resize(payload.size() + 4);
        put_u32(payload.data() + payload.size() - 4, parts.size);
    } else if (parts.fin) {
        header.flags |= flag::fin;
    }
    append_text(payload, parts.message);
    return frame(header, payload);
}

bytes end_frame(std::uint32_t stream, std::uint32_t status, std::string_view message) {
    bytes payload(8);
    put_u32(put_u32(payload.data(), 11), 22);
    append_text(payload, message);
    const std::uint8_t flags = message.empty() ? 0 : flag::message;
    return frame({0, frame_type::end, flags, 0, stream | receivers_stream, status}, payload);
}

bytes data_frame(std::uint32_t stream, std::uint8_t flags, std::string_view message) {
    return frame({0, frame_type::data, flags, 0, stream, 0}, to_bytes(message));
}

std::vector<bytes> samples() {
    const std::uint32_t ours = receivers_stream;
    bytes sized(4);
    put_u32(sized.data(), 100'000);
    append_text(sized, "the first piece");
    bytes meta_end(8);
    append(meta_end, to_bytes(std::string_view("\4\0meta", 6)));
    append_text(meta_end, "and a fault");
    return {
        open_frame(0, 0, {.name = "a/b", .message = "hello"}),
        open_frame(1, 0, {.message = ""}),
        open_frame(2, 0, {.message = "parameters", .fin = false}),
        open_frame(127, 1023,
                   {.deadline_us = 1'500'000,
                    .name = "demo.v1/add",
                    .metadata = "pairs",
                    .message = "all of it"}),
        open_frame(3, 1, {.deadline_us = 1, .size = 70'000, .message = "a piece"}),
        open_frame(4, 1, {.message = "two handles"}, 2),
        data_frame(2, flag::message, "an item"),
        data_frame(2, flag::message, ""),
        data_frame(2 | ours, flag::message | flag::fin, "the last one"),
        data_frame(3, flag::message | flag::more, "amid"),
        data_frame(2, flag::fin, ""),
        frame({0, frame_type::data, flag::message | flag::more | flag::sized, 0, 5, 0}, sized),
        frame({0, frame_type::data, flag::message, 1, 5, 0}, to_bytes("with a handle")),
        end_frame(7, 0, "result"),
        end_frame(8, 0, ""),
        frame({0, frame_type::end, flag::message | flag::not_started | flag::meta, 0, 9 | ours, 14},
              meta_end),
        frame({0, frame_type::end, flag::message, 1, 10 | ours, 4'000'000'000}, bytes(9)),
        copied(make_cancel(3, 1)),
        copied(make_cancel(4, 4)),
        copied(make_credit(2, true, 65'536)),
        copied(make_credit(2, false, credit_max)),
        copied(make_ping(0x0123'4567'89ab'cdef)),
        copied(make_pong(7)),
        frame({0, static_cast<frame_type>(200), flag::ignorable, 0, 12, 34}, to_bytes("unknown")),
        frame({0, static_cast<frame_type>(0), flag::ignorable, 0, 0, 0}),
        make_goaway(goaway_reason::draining, 17, 250, "later"),
        make_goaway(goaway_reason::shutdown, 18, no_retry_after, ""),
    };
}

std::map<std::string, bytes> frame_seeds() {
    // The first byte chooses how the rest is read: see fuzz_frame.cpp.
    const bytes behind_greeting(1, std::byte{0x83});
    const bytes single_bytes(1, std::byte{0xc0});
    const bytes from_the_start(1, std::byte{0x07});
    std::map<std::string, bytes> seeds;
    bytes conversation = joined({from_the_start, greeting(16)});
    std::size_t number = 10;
    for (const bytes& sample : samples()) {
        std::string name =
            std::to_string(number++) + "_" + to_string(get_header(sample.data()).type);
        std::replace(name.begin(), name.end(), ' ', '_');
        seeds[name] = joined({number % 2 == 0 ? behind_greeting : single_bytes, sample});
        append(conversation, sample);
    }
    seeds["greeting"] = joined({from_the_start, greeting()});
    seeds["another_protocol"] = joined({from_the_start, to_bytes("GET / HTTP/1.1")});
    seeds["later_version"] = joined({from_the_start, to_bytes("\xc0nduit\3\2")});
    seeds["cut"] = joined({from_the_start, greeting(16)});
    seeds["cut"].pop_back();
    for (const std::uint32_t length : {0U, 1U, 147'456U, 147'457U, 0x8000'0000U, 0xffff'ffffU}) {
        bytes wrong = joined({behind_greeting, data_frame(1, flag::message, "x"), greeting()});
        put_u32(wrong.data() + 1, length);
        seeds["length_" + std::to_string(length)] = wrong;
    }
    seeds["conversation"] = std::move(conversation);
    return seeds;
}

wire_settings reader_settings() {
    wire_settings ours;
    ours.handles_max = 16;
    return ours;
}

void read(std::span<const std::byte> stream, std::size_t portion, frame_log& log) {
    frame_reader reader(reader_settings());
    while (!stream.empty()) {
        const auto part = stream.first(std::min(portion, stream.size()));
        stream = stream.subspan(part.size());
        reader.feed(part, log);
    }
    log.close(reader);
}

void frame_log::close(const frame_reader& reader) {
    if (reader.broken()) {
        text += "broken " + std::to_string(static_cast<unsigned>(reader.why().reason)) + ": " +
                reader.why().text + "\n";
    } else {
        text += reader.between_frames() ? "between frames\n" : "amid a frame\n";
    }
}

bool frame_log::line() {
    if (text.ends_with(' ')) text.pop_back();
    text += '\n';
    return ++events < events_max;
}

void frame_log::add(std::string_view word, std::uint64_t number) {
    text += word;
    text += ' ';
    text += std::to_string(number);
    text += ' ';
}

// As text where it is short and printable.
void frame_log::add(std::string_view word, std::span<const std::byte> held) {
    const auto is_printable = [](std::byte byte) {
        return byte >= std::byte{' '} && byte <= std::byte{'~'};
    };
    if (held.size() <= 16 && std::all_of(held.begin(), held.end(), is_printable)) {
        text += word;
        text += " '";
        for (const std::byte byte : held) text += static_cast<char>(byte);
        text += "' ";
        return;
    }
    std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a
    for (const std::byte byte : held) {
        hash = (hash ^ static_cast<std::uint64_t>(byte)) * 1'099'511'628'211U;
    }
    add(word, held.size());
    add("bytes, hash", hash);
}

void frame_log::add(const message_piece& piece) {
    if (piece.present) add("message", piece.bytes);
    add("size", piece.size);
    if (piece.handles != 0) add("handles", piece.handles);
    if (piece.sized) text += "sized ";
    if (piece.more) text += "more ";
    if (piece.fin) text += "fin ";
}

bool frame_log::on_settings(const wire_settings& theirs) {
    text += "settings ";
    for (const std::uint32_t value : {theirs.frame_max, theirs.calls_max, theirs.message_max,
                                      theirs.window, theirs.keep_alive_ms, theirs.handles_max}) {
        text += std::to_string(value) + ' ';
    }
    text += theirs.software;
    return line();
}

bool frame_log::on_open(const open_event& event) {
    add("open", event.stream);
    add("alias", event.alias);
    if (!event.name.empty()) text += std::string(event.name) + ' ';
    if (event.deadline_us) add("deadline", *event.deadline_us);
    if (!event.metadata.empty()) add("metadata", event.metadata);
    add(event.message);
    return line();
}

bool frame_log::on_data(const data_event& event) {
    add(event.ours ? "data of ours" : "data", event.stream);
    add(event.message);
    return line();
}

bool frame_log::on_end(const end_event& event) {
    add("end", event.stream);
    add("status", event.status);
    add("queue", event.queue_us);
    add("run", event.run_us);
    if (!event.metadata.empty()) add("metadata", event.metadata);
    if (event.has_message) add("message", event.message);
    if (event.handles != 0) add("handles", event.handles);
    if (event.not_started) text += "not started ";
    return line();
}

bool frame_log::on_cancel(std::uint32_t stream, std::uint32_t status) {
    add("cancel", stream);
    add("status", status);
    return line();
}

bool frame_log::on_credit(std::uint32_t stream, bool ours, std::uint32_t given) {
    add(ours ? "credit of ours" : "credit", stream);
    add("bytes", given);
    return line();
}

bool frame_log::on_ping(std::uint64_t value) {
    add("ping", value);
    return line();
}

bool frame_log::on_pong(std::uint64_t value) {
    add("pong", value);
    return line();
}

bool frame_log::on_goaway(const goaway_event& event) {
    add("goaway", static_cast<std::uint64_t>(event.reason));
    add("opens", event.opens);
    add("retry after", event.retry_after_ms);
    text += event.text;
    return line();
}

bool frame_log::on_ignored(const frame_header& header) {
    add("ignored", static_cast<std::uint64_t>(header.type));
    add("length", header.length);
    return line();
}

}  // namespace conduit::test
