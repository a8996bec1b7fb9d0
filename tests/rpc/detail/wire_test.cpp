// SPDX-License-Identifier: BSL-1.0
//
// What is written: the bytes that docs/reference/wire-protocol.md shows.

#include "../../support/wire_frames.hpp"

#include <conduit/rpc/detail/wire.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using test::bytes;

namespace {

namespace flag = frame_flag;

/// The blocks marked ```hex: what stands behind # in their first line, and their bytes. Behind a #
/// further down is a remark.
std::map<std::string, bytes> documented_blocks() {
    std::ifstream in(CONDUIT_SOURCE_DIR "/docs/reference/wire-protocol.md");
    std::map<std::string, bytes> blocks;
    bytes* block = nullptr;
    for (std::string line; std::getline(in, line);) {
        if (line == "```hex") {
            std::getline(in, line);
            block = &blocks[line.substr(2)];
        } else if (line == "```") {
            block = nullptr;
        } else if (block != nullptr) {
            std::istringstream words(line.substr(0, line.find('#')));
            for (std::string word; words >> word;) {
                block->push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
            }
        }
    }
    return blocks;
}

template <class Array>
bytes copied(const Array& from) {
    return {from.begin(), from.end()};
}

wire_settings documented_settings() {
    wire_settings settings;
    settings.calls_max = 1024;
    settings.handles_max = 16;
    settings.software = "conduit 0.1";
    return settings;
}

std::map<std::string, bytes> written_blocks() {
    bytes end(8);
    put_u32(put_u32(end.data(), 12), 340);
    const bytes result = test::to_bytes({"\0\0\0\0\0\0\x08\x40", 8});
    return {
        {"greeting", make_greeting(documented_settings())},
        {"first call",
         test::open_frame(0, 0,
                          {.deadline_us = 50'000,
                           .name = "demo.calculator.v1/add",
                           .message = {"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40", 16}})},
        {"result", test::frame({0, frame_type::end, flag::message, 0, receivers_stream, 0},
                               test::joined({end, result}))},
        {"second call",
         test::open_frame(0, 0, {.message = {"\0\0\0\0\0\0\x08\x40\0\0\0\0\0\0\0\x40", 16}})},
        {"item", test::data_frame(receivers_stream | 1, flag::message, "abc")},
        {"credit", copied(make_credit(1, true, 65'536))},
        {"cancel", copied(make_cancel(1, 4))},
        {"ping", copied(make_ping(1))},
        {"pong", copied(make_pong(1))},
        {"goaway", make_goaway(goaway_reason::draining, 2, no_retry_after, "restart")},
    };
}

}  // namespace

TEST_CASE("the document of the wire shows the bytes that are written", "[rpc][wire]") {
    const auto documented = documented_blocks();
    const auto written = written_blocks();
    for (const auto& [name, block] : written) {
        CAPTURE(name);
        REQUIRE(documented.contains(name));
        REQUIRE(documented.at(name) == block);
    }
    REQUIRE(documented.size() == written.size());
}

TEST_CASE("a greeting says what was asked for", "[rpc][wire]") {
    wire_settings ours = documented_settings();
    ours.message_max = 67'108'864;
    ours.window = 65'537;
    ours.keep_alive_ms = 0xffff'ffff;
    test::frame_log log;
    test::read(make_greeting(ours), 1, log);
    REQUIRE(log.text ==
            "settings 147456 1024 67108864 65537 4294967295 16 conduit 0.1\n"
            "between frames\n");
}

TEST_CASE("numbers and headers are read as they were written", "[rpc][wire]") {
    bytes place(frame_header_size + 1);
    REQUIRE(put_u16(place.data() + 1, 0x8001) == place.data() + 3);
    REQUIRE(get_u16(place.data() + 1) == 0x8001);
    REQUIRE(place[1] == std::byte{1});
    REQUIRE(put_u32(place.data() + 1, 0x8000'0001) == place.data() + 5);
    REQUIRE(get_u32(place.data() + 1) == 0x8000'0001);
    REQUIRE(put_u64(place.data() + 1, 0x8000'0001'8000'0002) == place.data() + 9);
    REQUIRE(get_u64(place.data() + 1) == 0x8000'0001'8000'0002);

    put_header(place.data() + 1, {0x0102'0304, frame_type::end, 0x61, 0x0506, 0x8000'0007, 8});
    const frame_header header = get_header(place.data() + 1);
    REQUIRE(header.length == 0x0102'0304);
    REQUIRE(header.type == frame_type::end);
    REQUIRE(header.flags == 0x61);
    REQUIRE(header.handles == 0x0506);
    REQUIRE(header.stream == 0x8000'0007);
    REQUIRE(header.aux == 8);
}

TEST_CASE("the text of a GOAWAY is cut between two characters", "[rpc][wire]") {
    const auto text_of = [](const std::string& text) {
        const bytes frame = make_goaway(goaway_reason::internal, 0, 0, text);
        REQUIRE(frame.size() == frame_header_size + 10 + get_u16(frame.data() + 24));
        return get_u16(frame.data() + 24);
    };
    const std::string filler(1022, 'x');
    REQUIRE(text_of(filler + "yz") == 1024);
    REQUIRE(text_of(filler + "yzz") == 1024);
    REQUIRE(text_of(filler + "\xe2\x82\xac") == 1022);  // the euro sign has three bytes
    REQUIRE(text_of(filler + "y\xc3\xa9") == 1023);
    REQUIRE(text_of(filler + "\xc3\xa9z") == 1024);
    REQUIRE(text_of(std::string(2000, '\x80')) == 1021);  // no text at all
}

TEST_CASE("types of frames have the names of the document", "[rpc][wire]") {
    REQUIRE(to_string(frame_type::settings) == "SETTINGS");
    REQUIRE(to_string(frame_type::goaway) == "GOAWAY");
    REQUIRE(to_string(static_cast<frame_type>(0)) == "type 0");
    REQUIRE(to_string(static_cast<frame_type>(255)) == "type 255");
}
