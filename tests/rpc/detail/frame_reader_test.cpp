// SPDX-License-Identifier: BSL-1.0
//
// What a frame_reader makes of bytes, right or wrong. Bytes that a fuzzer might think of are in
// frame_mutation_test.cpp.

#include "../../support/wire_frames.hpp"

#include <conduit/rpc/detail/wire.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace conduit;
using namespace conduit::rpc::detail;
using test::bytes;
using test::to_bytes;
using namespace std::string_view_literals;

namespace {

namespace flag = frame_flag;

bytes all_samples() {
    bytes stream = test::greeting();
    for (const bytes& sample : test::samples()) {
        stream.insert(stream.end(), sample.begin(), sample.end());
    }
    return stream;
}

std::string log_of(const bytes& stream, std::size_t portion = static_cast<std::size_t>(-1)) {
    test::frame_log log;
    test::read(stream, portion, log);
    return log.text;
}

/// What a reader says of one frame behind a greeting, without the line for the greeting.
std::string log_behind_greeting(const bytes& frame) {
    const std::string log = log_of(test::joined({test::greeting(), frame}));
    return log.substr(log.find('\n') + 1);
}

bytes u32_setting(std::uint16_t id, std::uint32_t value) {
    bytes entry(8);
    put_u32(put_u16(put_u16(entry.data(), id), 4), value);
    return entry;
}

bytes greeting_of(const bytes& settings) {
    return test::joined(
        {to_bytes("\xc0nduit\1\1"), test::frame({0, frame_type::settings, 0, 0, 0, 0}, settings)});
}

struct refused_frame {
    frame_type type;
    std::uint8_t flags;
    std::uint16_t handles;
    std::uint32_t stream;
    std::uint32_t aux;
    std::size_t length;
    goaway_reason reason;
    std::string_view why;
};

constexpr auto unknown = static_cast<frame_type>(10);
constexpr std::uint32_t receivers = receivers_stream;

/// Payloads are zeros.
void check_refused(const std::vector<refused_frame>& frames) {
    for (const refused_frame& wrong : frames) {
        const std::string said = log_behind_greeting(
            test::frame({0, wrong.type, wrong.flags, wrong.handles, wrong.stream, wrong.aux},
                        bytes(wrong.length)));
        REQUIRE(said == "broken " + std::to_string(static_cast<int>(wrong.reason)) + ": " +
                            to_string(wrong.type) + " frame at byte 80: " + std::string(wrong.why) +
                            "\n");
    }
}

/// A greeting that takes frames of the largest size there can be.
wire_settings large_frames() {
    wire_settings ours = test::reader_settings();
    ours.frame_max = 16'777'215;
    return ours;
}

}  // namespace

TEST_CASE("each kind of frame becomes its event", "[rpc][wire]") {
    REQUIRE(log_of(all_samples()) == R"(settings 147456 128 4194304 65536 0 0 test
open 0 alias 0 a/b message 'hello' size 5 fin
open 1 alias 0 message '' size 0 fin
open 2 alias 0 message 'parameters' size 10
open 127 alias 1023 demo.v1/add deadline 1500000 metadata 'pairs' message 'all of it' size 9 fin
open 3 alias 1 deadline 1 message 'a piece' size 70000 sized more
open 4 alias 1 message 'two handles' size 11 handles 2 fin
data 2 message 'an item' size 7
data 2 message '' size 0
data of ours 2 message 'the last one' size 12 fin
data 3 message 'amid' size 4 more
data 2 size 0 fin
data 5 message 'the first piece' size 100000 sized more
data 5 message 'with a handle' size 13 handles 1
end 7 status 0 queue 11 run 22 message 'result'
end 8 status 0 queue 11 run 22
end 9 status 14 queue 0 run 0 metadata 'meta' message 'and a fault' not started
end 10 status 2 queue 0 run 0 message 1 bytes, hash 12638153115695167455 handles 1
cancel 3 status 1
cancel 4 status 4
credit 2 bytes 65536
credit of ours 2 bytes 2147483647
ping 81985529216486895
pong 7
ignored 200 length 7
ignored 0 length 0
goaway 0 opens 17 retry after 250 later
goaway 1 opens 18 retry after 4294967295
between frames
)");
}

TEST_CASE("any portions of the same bytes give the same events", "[rpc][wire]") {
    const bytes stream = all_samples();
    const std::string whole = log_of(stream);
    for (std::size_t portion = 1; portion < 200; ++portion) {
        CAPTURE(portion);
        REQUIRE(log_of(stream, portion) == whole);
    }

    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        std::mt19937_64 choices(seed);
        frame_reader reader(test::reader_settings());
        test::frame_log log;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t part = std::min(choices() % 60, stream.size() - at);
            reader.feed({stream.data() + at, part}, log);
            at += part;
        }
        CAPTURE(seed);
        REQUIRE_FALSE(reader.broken());
        REQUIRE(log.text + "between frames\n" == whole);
    }
}

TEST_CASE("a stream that ends early is no error, and is not between frames", "[rpc][wire]") {
    const bytes stream = all_samples();
    const std::string whole = log_of(stream);
    std::size_t boundaries = 0;
    for (std::size_t size = 0; size < stream.size(); ++size) {
        const bytes part(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
        std::string log = log_of(part);
        const bool is_boundary = log.ends_with("between frames\n");
        boundaries += is_boundary ? 1 : 0;
        log.resize(log.size() -
                   std::string_view(is_boundary ? "between frames\n" : "amid a frame\n").size());
        CAPTURE(size);
        REQUIRE(whole.starts_with(log));
    }
    REQUIRE(boundaries == test::samples().size() + 2);  // before and behind the preface
}

TEST_CASE("a preface of something else is refused at its first wrong byte", "[rpc][wire]") {
    REQUIRE(log_of(to_bytes("GET / HTTP/1.1")) ==
            "broken 2: byte 0 of the preface is 0x47 instead of 0xc0: the peer does not speak "
            "conduit\n");
    REQUIRE(log_of(to_bytes("\xc0ndX")) ==
            "broken 2: byte 3 of the preface is 0x58 instead of 0x75: the peer does not speak "
            "conduit\n");
    REQUIRE(log_of(to_bytes("\xc0ndX"), 1) == log_of(to_bytes("\xc0ndX")));
    REQUIRE(log_of(to_bytes("\xc0ndui")) == "amid a frame\n");
}

TEST_CASE("versions need one in common", "[rpc][wire]") {
    const auto said = [](const char* versions) {
        return log_of(test::joined({to_bytes("\xc0nduit"), to_bytes({versions, 2})}));
    };
    REQUIRE(said("\1\1") == "between frames\n");
    REQUIRE(said("\x09\1") == "between frames\n");
    REQUIRE(said("\xff\0") == "between frames\n");
    REQUIRE(said("\3\2") ==
            "broken 4: no common version: the peer speaks 2 to 3, this side 1 to 1\n");
    REQUIRE(said("\0\0") ==
            "broken 4: no common version: the peer speaks 0 to 0, this side 1 to 1\n");
    REQUIRE(said("\1\2") ==
            "broken 2: the preface has 2 as the lowest version and 1 as the highest\n");
}

TEST_CASE("SETTINGS come first, once, and within their bounds", "[rpc][wire]") {
    const auto said = [](const bytes& settings) { return log_of(greeting_of(settings)); };
    REQUIRE(said({}) == "settings 147456 128 4194304 65536 0 0\nbetween frames\n");
    REQUIRE(said(test::joined({u32_setting(2, 65'536), u32_setting(99, 1), u32_setting(99, 2),
                               u32_setting(0, 0), u32_setting(65'535, 0), u32_setting(6, 16)})) ==
            "settings 147456 65536 4194304 65536 0 16\nbetween frames\n");

    const std::string frame = "broken 2: SETTINGS frame at byte 8: ";
    REQUIRE(said(u32_setting(1, 16'383)) ==
            frame + "setting 1 (frame_max) is 16383; it must be from 16384 to 16777215\n");
    REQUIRE(said(u32_setting(6, 17)) ==
            frame + "setting 6 (handles_max) is 17; it must be from 0 to 16\n");
    REQUIRE(said(test::joined({u32_setting(2, 128), u32_setting(2, 128)})) ==
            frame + "setting 2 comes twice\n");
    REQUIRE(said(to_bytes(std::string_view("\4\0\3\0abc", 7))) ==
            frame + "setting 4 (window) has 3 bytes instead of 4\n");
    REQUIRE(said(to_bytes(std::string_view("\4\0\4\0abc", 7))) ==
            frame + "the value of setting 4 takes 4 bytes, and the payload has 3 left\n");
    REQUIRE(said(bytes(3)) ==
            frame + "a setting's id and size takes 4 bytes, and the payload has 3 left\n");
    bytes software(4 + 65);
    put_u16(put_u16(software.data(), 7), 65);
    REQUIRE(said(software) ==
            frame + "setting 7 (software) has 65 bytes; at most 64 are allowed\n");

    bytes most(4072);
    put_u16(put_u16(most.data(), 1000), 4068);
    REQUIRE(said(most).ends_with("between frames\n"));
    most.push_back(std::byte{0});
    REQUIRE(said(most) ==
            "broken 3: SETTINGS frame at byte 8: length 4073; a frame of this type "
            "has at most 4072\n");

    const bytes again = test::frame({0, frame_type::settings, 0, 0, 0, 0});
    REQUIRE(log_behind_greeting(again).ends_with("SETTINGS come once only\n"));
    const auto ping = make_ping(1);
    REQUIRE(log_of(test::joined({to_bytes("\xc0nduit\1\1"), bytes(ping.begin(), ping.end())})) ==
            "broken 2: PING frame at byte 8: the first frame must be SETTINGS\n");
    REQUIRE(log_of(test::joined({to_bytes("\xc0nduit\1\1"),
                                 test::frame({0, static_cast<frame_type>(99), 0x80, 0, 0, 0})})) ==
            "broken 2: type 99 frame at byte 8: the first frame must be SETTINGS\n");
}

TEST_CASE("a frame of an unknown type is skipped only where it says so, and is bounded",
          "[rpc][wire]") {
    check_refused({
        {unknown, 0x01, 0, 0, 0, 0, goaway_reason::protocol,
         "an unknown type, and flags 0x01 without IGNORABLE (0x80)"},
        {unknown, 0x80, 3, 0, 0, 0, goaway_reason::handles, "3 handles on an unknown type"},
        {unknown, 0x80, 0, 0, 0, 147'457, goaway_reason::too_large,
         "length 147457 is above frame_max 147456"},
    });
}

TEST_CASE("an OPEN that the protocol does not allow ends the connection", "[rpc][wire]") {
    check_refused({
        {frame_type::open, 0x81, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x81, of which 0x80 do not belong here"},
        {frame_type::open, 0x04, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x04: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::open, 0x03, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x03: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::open, 0x0f, 0, 0, 0, 4, goaway_reason::protocol,
         "flags 0x0f: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::open, 0x01, 0, receivers, 0, 0, goaway_reason::protocol,
         "stream 0 of a call that its receiver opened; it must be the sender's"},
        {frame_type::open, 0x01, 0, 128, 0, 0, goaway_reason::protocol,
         "stream 128 of a call that its sender opened is not below calls_max 128"},
        {frame_type::open, 0x01, 0, 0, 1024, 0, goaway_reason::protocol, "aux 1024 is above 1023"},
        {frame_type::open, 0x01, 17, 0, 0, 0, goaway_reason::handles,
         "17 handles are above handles_max 16"},
        {frame_type::open, 0x0b, 1, 0, 0, 4, goaway_reason::handles,
         "1 handles on a frame that does not end a message"},
    });
}

TEST_CASE("a DATA that the protocol does not allow ends the connection", "[rpc][wire]") {
    check_refused({
        {frame_type::data, 0x00, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x00: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::data, 0x02, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x02: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::data, 0x06, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x06: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::data, 0x07, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x07: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::data, 0x09, 0, 0, 0, 4, goaway_reason::protocol,
         "flags 0x09: MESSAGE, MORE, FIN and SIZED do not go together so"},
        {frame_type::data, 0x11, 0, 0, 0, 0, goaway_reason::protocol,
         "flags 0x11, of which 0x10 do not belong here"},
        {frame_type::data, 0x01, 0, 0, 1, 0, goaway_reason::protocol, "aux 1 is above 0"},
        {frame_type::data, 0x04, 1, 0, 0, 0, goaway_reason::handles,
         "1 handles on a frame that does not end a message"},
        {frame_type::data, 0x04, 0, 0, 0, 1, goaway_reason::protocol,
         "1 bytes of payload without MESSAGE"},
        {frame_type::data, 0x03, 0, 0, 0, 0, goaway_reason::protocol,
         "a piece of a message has no bytes"},
        {frame_type::data, 0x0b, 0, 0, 0, 4, goaway_reason::protocol,
         "a piece of a message has no bytes"},
        {frame_type::data, 0x0b, 0, 0, 0, 3, goaway_reason::protocol,
         "the size of the whole message takes 4 bytes, and the payload has 3 left"},
        {frame_type::data, 0x0b, 0, 0, 0, 5, goaway_reason::protocol,
         "a piece of 1 bytes, of a message of 0"},
        {frame_type::data, 0x03, 0, 0, 0, 65'537, goaway_reason::too_large,
         "a piece of 65537 bytes; one has at most 65536"},
        {frame_type::data, 0x01, 0, 0, 0, 131'073, goaway_reason::too_large,
         "a message in one frame of 131073 bytes; one has at most 131072"},
        {frame_type::data, 0x01, 0, receivers | 128, 0, 0, goaway_reason::protocol,
         "stream 128 of a call that its receiver opened is not below calls_max 128"},
    });
}

TEST_CASE("an END that the protocol does not allow ends the connection", "[rpc][wire]") {
    check_refused({
        {frame_type::end, 0x00, 0, 0, 0, 8, goaway_reason::protocol,
         "stream 0 of a call that its sender opened; it must be the receiver's"},
        {frame_type::end, 0x00, 0, receivers, 0, 7, goaway_reason::protocol,
         "length 7; a frame of this type has at least 8"},
        {frame_type::end, 0x04, 0, receivers, 0, 8, goaway_reason::protocol,
         "flags 0x04, of which 0x04 do not belong here"},
        {frame_type::end, 0x00, 0, receivers, 0, 9, goaway_reason::protocol,
         "1 bytes of payload without MESSAGE"},
        {frame_type::end, 0x40, 0, receivers, 0, 9, goaway_reason::protocol,
         "the metadata's size takes 2 bytes, and the payload has 1 left"},
        {frame_type::end, 0x01, 0, receivers, 0, 131'081, goaway_reason::too_large,
         "a message in one frame of 131073 bytes; one has at most 131072"},
    });
}

TEST_CASE("other frames that the protocol does not allow end the connection", "[rpc][wire]") {
    check_refused({
        {frame_type::cancel, 0x00, 0, 0, 2, 0, goaway_reason::protocol,
         "aux is neither 1 (cancelled) nor 4 (deadline_exceeded)"},
        {frame_type::cancel, 0x00, 0, 0, 5, 0, goaway_reason::protocol, "aux 5 is above 4"},
        {frame_type::cancel, 0x00, 0, receivers, 1, 0, goaway_reason::protocol,
         "stream 0 of a call that its receiver opened; it must be the sender's"},
        {frame_type::cancel, 0x00, 0, 0, 1, 1, goaway_reason::too_large,
         "length 1; a frame of this type has at most 0"},
        {frame_type::credit, 0x00, 0, 0, 0x8000'0000, 0, goaway_reason::protocol,
         "aux 2147483648 is above 2147483647"},
        {frame_type::credit, 0x01, 0, 0, 1, 0, goaway_reason::protocol,
         "flags 0x01, of which 0x01 do not belong here"},
        {frame_type::ping, 0x00, 0, 1, 0, 8, goaway_reason::protocol, "stream 0x1 instead of 0"},
        {frame_type::ping, 0x00, 0, 0, 0, 9, goaway_reason::too_large,
         "length 9; a frame of this type has at most 8"},
        {frame_type::pong, 0x00, 1, 0, 0, 8, goaway_reason::handles,
         "1 handles on a frame that does not end a message"},
        {frame_type::goaway, 0x00, 0, 0, 0, 9, goaway_reason::protocol,
         "length 9; a frame of this type has at least 10"},
        {frame_type::goaway, 0x00, 0, 0, 0, 11, goaway_reason::protocol,
         "a text of 0 bytes, and the payload has 1 left"},
        {frame_type::goaway, 0x00, 0, 0, 0, 1035, goaway_reason::too_large,
         "length 1035; a frame of this type has at most 1034"},
    });
}

TEST_CASE("the parts of an OPEN fit into its payload", "[rpc][wire]") {
    const auto said = [](std::uint8_t flags, std::string_view payload) {
        return log_behind_greeting(
            test::frame({0, frame_type::open, flags, 0, 0, 0}, to_bytes(payload)));
    };
    const std::string wrong = "broken 2: OPEN frame at byte 80: ";
    const std::string too_large = "broken 3: OPEN frame at byte 80: ";
    REQUIRE(said(0x21, "1234567") ==
            wrong + "the deadline takes 8 bytes, and the payload has 7 left\n");
    REQUIRE(said(0x11, "") ==
            wrong + "the name's size takes 1 bytes, and the payload has 0 left\n");
    REQUIRE(said(0x11, "\0"sv) == wrong + "the name is empty\n");
    REQUIRE(said(0x11, "\3ab") == wrong + "the name takes 3 bytes, and the payload has 2 left\n");
    REQUIRE(said(0x41, "\3\0ab"sv) ==
            wrong + "the metadata takes 3 bytes, and the payload has 2 left\n");
    REQUIRE(said(0x41, "\x01\x20"sv) ==
            too_large + "metadata of 8193 bytes; at most 8192 are allowed\n");
    REQUIRE(said(0x0b, "\x01\0\0\x04"sv) ==
            too_large + "a message of 67108865 bytes, where message_max is 67108864 at most\n");
    // Which is the highest that any side may announce: less is for the connection to judge.
    REQUIRE(
        said(0x0b, "\0\0\0\x04"sv).starts_with("open 0 alias 0 message '' size 67108864 sized"));
}

TEST_CASE("the length of a frame is bounded before anything of it is kept", "[rpc][wire]") {
    for (std::uint8_t type = 1; type <= 9; ++type) {
        for (const std::uint32_t length : {147'457U, 0x8000'0000U, 0xffff'ffffU}) {
            bytes header(frame_header_size);
            put_header(header.data(), {length, static_cast<frame_type>(type), 0, 0, 0, 0});
            frame_reader reader(test::reader_settings());
            test::frame_log log;
            reader.feed(test::greeting(), log);
            reader.feed(header, log);
            CAPTURE(static_cast<int>(type), length);
            REQUIRE(reader.broken());
            REQUIRE(reader.memory() == 0);
            if (type == 1) continue;  // refused as such
            REQUIRE(reader.why().reason == goaway_reason::too_large);
            REQUIRE(reader.why().text.ends_with("length " + std::to_string(length) +
                                                " is above frame_max 147456"));
        }
    }
    const bytes at_limit = test::frame({0, frame_type::end, 0x41, 0, receivers_stream, 0},
                                       bytes(8 + 2 + 8192 + 131'072, std::byte{0}));
    bytes with_meta = at_limit;
    put_u16(with_meta.data() + frame_header_size + 8, 8192);
    REQUIRE(with_meta.size() < frame_header_size + 147'456);
    REQUIRE(log_behind_greeting(with_meta).find("message 131072 bytes") != std::string::npos);
}

TEST_CASE("what is kept of a frame grows with what has arrived", "[rpc][wire]") {
    const wire_settings announced = large_frames();
    bytes header(frame_header_size);
    put_header(header.data(), {16'777'215, static_cast<frame_type>(100), 0x80, 0, 0, 0});
    test::frame_log log;
    frame_reader ignoring(announced);
    ignoring.feed(test::greeting(), log);
    ignoring.feed(header, log);
    const bytes part(1000, std::byte{1});
    for (int i = 0; i < 1000; ++i) ignoring.feed(part, log);
    REQUIRE(ignoring.memory() == 0);  // skipped, not kept
    REQUIRE_FALSE(ignoring.between_frames());

    frame_reader keeping(announced);
    put_header(header.data(), {16'000'000, frame_type::data, flag::message, 0, 0, 0});
    keeping.feed(test::greeting(), log);
    keeping.feed(header, log);
    REQUIRE(keeping.kept() == frame_header_size);
    for (std::size_t arrived = header.size(); arrived < 1'000'000; arrived += part.size()) {
        REQUIRE(2 * keeping.memory() <= 5 * std::max(arrived, part.size()) + 8192);
        keeping.feed(part, log);
    }
}

TEST_CASE("memory for a frame that was cut is given back once it is whole", "[rpc][wire]") {
    frame_reader reader(test::reader_settings());
    test::frame_log log;
    reader.feed(test::greeting(), log);
    REQUIRE(reader.memory() == 0);
    const bytes item = test::data_frame(1, flag::message, std::string(50'000, 'x'));
    const std::span<const std::byte> all(item);
    reader.feed(all.first(40'000), log);
    REQUIRE(reader.kept() == 40'000);
    REQUIRE(reader.memory() >= 40'000);
    reader.feed(all.subspan(40'000), log);
    REQUIRE(reader.between_frames());
    REQUIRE(reader.memory() == 0);
    REQUIRE(log.events == 2);
}

TEST_CASE("for a frame that is cut there is room at once for one as long as the last",
          "[rpc][wire]") {
    frame_reader reader(test::reader_settings());
    test::frame_log log;
    reader.feed(test::greeting(), log);
    const bytes item = test::data_frame(1, flag::message, std::string(50'000, 'x'));
    const bytes longer = test::data_frame(1, flag::message, std::string(100'000, 'x'));
    const std::span<const std::byte> all(item);
    const std::span<const std::byte> all_of_longer(longer);
    reader.feed(all.first(100), log);
    REQUIRE(reader.room().size() < 33'000);
    reader.fill(0, log);
    reader.feed(all.subspan(100), log);
    reader.feed(all.first(5), log);  // not even its header
    reader.feed(all.subspan(5, 95), log);
    REQUIRE(reader.room().size() == all.size() - 100);
    reader.fill(0, log);
    reader.feed(all.subspan(100), log);
    reader.feed(all_of_longer.first(100), log);
    REQUIRE(reader.memory() < all_of_longer.size());  // no more than that
    reader.feed(all_of_longer.subspan(100), log);
    REQUIRE(reader.between_frames());
    REQUIRE(log.events == 4);
}

TEST_CASE("an event that has had enough is the last one", "[rpc][wire]") {
    const bytes stream = all_samples();
    for (const std::size_t portion : {std::size_t{1}, std::size_t{7}, stream.size()}) {
        for (std::size_t most = 1; most <= test::samples().size() + 1; ++most) {
            test::frame_log log;
            log.events_max = most;
            test::read(stream, portion, log);
            REQUIRE(log.events == most);
        }
    }
}
