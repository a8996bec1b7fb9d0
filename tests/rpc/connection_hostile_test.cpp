// SPDX-License-Identifier: BSL-1.0
//
// Frames that a proper peer never sends, one at a time: each ends the connection for the reason
// that it has, or is skipped and counted where the protocol says so. Floods and bombs are in
// connection_flood_test.cpp, servers that answer wrongly in connection_answer_test.cpp.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using namespace conduit::rpc::detail;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

struct wrong_bytes {
    const char* what;
    bytes sent;
    goaway_reason reason;
    std::vector<std::string> words;  // that the text has
};

/// Each in turn, on a connection of its own; those that ended otherwise than they should.
task<std::vector<std::string>> try_each(std::vector<wrong_bytes> all) {
    const std::vector<wrong_bytes> cases = std::move(all);
    std::vector<std::string> surprises;
    for (const wrong_bytes& each : cases) {
        auto attack = verdict_on(each.sent);
        const verdict ended = co_await std::move(attack);
        const std::string wrong = differs(ended, each.reason, each.words);
        if (!wrong.empty()) surprises.push_back(std::string(each.what) + ": " + wrong);
        if (ended.counters.faults_of_peer != 1) {
            surprises.push_back(std::string(each.what) + " is not counted");
        }
    }
    co_return surprises;
}

bytes after_greeting(const bytes& what) { return joined({greeting(), what}); }

bytes preface(std::uint8_t highest, std::uint8_t lowest) {
    bytes out = to_bytes("\xc0nduit");
    out.push_back(static_cast<std::byte>(highest));
    out.push_back(static_cast<std::byte>(lowest));
    return out;
}

bytes settings_frame(const bytes& list) {
    return raw_frame({0, frame_type::settings, 0, 0, 0, 0}, list);
}

bytes setting(std::uint16_t id, std::uint32_t value) {
    bytes out(8);
    put_u32(put_u16(put_u16(out.data(), id), 4), value);
    return out;
}

bytes with_setting(std::uint16_t id, std::uint32_t value) {
    return joined({preface(1, 1), settings_frame(setting(id, value))});
}

bytes with_length(bytes what, std::uint32_t length) {
    put_u32(what.data(), length);
    return what;
}

/// A first piece in DATA.
bytes sized_frame(std::uint32_t stream, std::uint32_t size, std::string_view piece) {
    const std::string payload = encoded_number(size).append(piece);
    return data_frame(stream, flag::message | flag::more | flag::sized, payload);
}

bytes sum_frame(std::uint32_t stream, std::string_view name = "test.probe/sum") {
    return open_frame(stream, 5, {.name = name, .fin = false});
}

const std::uint32_t peers = receivers_stream;  // in a frame about a call of the server

}  // namespace

CO_TEST_CASE("who does not greet as the protocol says is told why", "[rpc][connection][hostile]") {
    bytes twice =
        joined({preface(1, 1), settings_frame(joined({setting(2, 128), setting(2, 128)}))});
    bytes cut = joined({preface(1, 1), settings_frame(bytes(3))});
    auto tried = try_each({
        {"http",
         to_bytes("GET / HTTP/1.1\r\n\r\n"),
         goaway_reason::protocol,
         {"byte 0", "0x47", "0xc0"}},
        {"nearly", to_bytes("\xc0nduiT\1\1"), goaway_reason::protocol, {"byte 5"}},
        {"later version", preface(2, 2), goaway_reason::version, {"2 to 2", "1 to 1"}},
        {"no version", preface(0, 0), goaway_reason::version, {"0 to 0", "1 to 1"}},
        {"versions in the wrong order", preface(1, 3), goaway_reason::protocol, {"3", "1"}},
        {"SETTINGS missing",
         joined({preface(1, 1), echo_frame(0, "x")}),
         goaway_reason::protocol,
         {"must be SETTINGS", "OPEN"}},
        {"ignorable before SETTINGS",
         joined({preface(1, 1),
                 raw_frame({0, static_cast<frame_type>(99), flag::ignorable, 0, 0, 0})}),
         goaway_reason::protocol,
         {"must be SETTINGS"}},
        {"SETTINGS twice",
         after_greeting(settings_frame({})),
         goaway_reason::protocol,
         {"SETTINGS", "once"}},
        {"a setting twice", twice, goaway_reason::protocol, {"setting 2", "twice"}},
        {"a setting that is cut", cut, goaway_reason::protocol, {"4 bytes", "3 left"}},
        {"SETTINGS beyond 4 KiB",
         joined({preface(1, 1), settings_frame(bytes(4096))}),
         goaway_reason::too_large,
         {"4096", "4072"}},
        {"frame_max below",
         with_setting(1, 16'383),
         goaway_reason::protocol,
         {"frame_max", "16383", "16384"}},
        {"frame_max above",
         with_setting(1, 16'777'216),
         goaway_reason::protocol,
         {"16777216", "16777215"}},
        {"calls_max below", with_setting(2, 127), goaway_reason::protocol, {"calls_max", "127"}},
        {"calls_max above", with_setting(2, 65'537), goaway_reason::protocol, {"65537", "65536"}},
        {"message_max below", with_setting(3, 65'535), goaway_reason::protocol, {"message_max"}},
        {"message_max above",
         with_setting(3, 0xffff'ffff),
         goaway_reason::protocol,
         {"4294967295", "67108864"}},
        {"window below", with_setting(4, 0), goaway_reason::protocol, {"window", "65536"}},
        {"window above", with_setting(4, 0x8000'0000), goaway_reason::protocol, {"16777216"}},
        {"handles_max above", with_setting(6, 17), goaway_reason::protocol, {"17", "16"}},
    });
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("a peer of later versions, too, is answered in the one both speak",
             "[rpc][connection][hostile]") {
    raw_client with;
    bytes hello = joined({preface(9, 1), settings_frame(setting(999, 7)), echo_frame(3, "hi")});
    co_await with.peer.send(std::move(hello));
    co_await with.peer.until_ends(1);

    REQUIRE(with.peer.is_proper);
    REQUIRE(with.peer.ends.at(0).stream == 3);
    REQUIRE(first_string(with.peer.ends.at(0).message) == "hi");
}

CO_TEST_CASE("bytes may come one at a time", "[rpc][connection][hostile]") {
    raw_client with;
    auto dribbled = with.peer.send_in_portions(
        joined({greeting(), echo_frame(0, "one"), echo_frame(1, "two", {})}), 1);
    const bool all = co_await std::move(dribbled);
    co_await with.peer.until_ends(2);

    REQUIRE(all);
    REQUIRE(first_string(with.peer.ends.at(0).message) == "one");
    REQUIRE(first_string(with.peer.ends.at(1).message) == "two");
}

CO_TEST_CASE("a greeting that does not come to an end is not waited for",
             "[rpc][connection][hostile]") {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{40}}) {
        raw_client with(rpc::connection_options().greeting_within(5ms));
        bytes part = greeting();
        part.resize(size);
        co_await with.peer.send(std::move(part));
        co_await with.peer.until_told_off();

        REQUIRE(with.peer.goaway->reason == goaway_reason::timeout);
        REQUIRE_THAT(with.peer.goaway->text, Catch::Contains("5 ms"));
    }
}

CO_TEST_CASE("whoever stops in the middle of something is let go", "[rpc][connection][hostile]") {
    const bytes whole =
        joined({greeting(), echo_frame(0, "hello"), sum_frame(1), sum_frame(2, {})});
    const bytes two_calls = joined({greeting(), echo_frame(0, "hello")});
    std::size_t amid = 0;
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        raw_client with;
        co_await with.peer.send(
            bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        co_await with.peer.half_close();
        co_await with.server.until_down();
        while (with.server.calls_served_now() > 0) co_await yield();

        const std::string& why = with.server.why()->text;
        if (why.find("in the middle of a frame") != std::string::npos) ++amid;
        REQUIRE_THAT(why, Catch::StartsWith("the peer closed the connection"));
        REQUIRE(with.server.counters().calls_served <= 3);
        REQUIRE(with.server.counters().calls_served >= (size >= two_calls.size() ? 1U : 0U));
    }

    REQUIRE(amid == whole.size() - 5);  // nothing, the greeting, or a frame more had come
}

CO_TEST_CASE("a length is held against its limit before anything is kept",
             "[rpc][connection][hostile]") {
    const bytes open = echo_frame(0, "x");
    const bytes unknown = raw_frame({0, static_cast<frame_type>(99), flag::ignorable, 0, 0, 0});
    auto tried = try_each({
        {"OPEN 147457",
         after_greeting(with_length(open, 147'457)),
         goaway_reason::too_large,
         {"147457", "frame_max 147456"}},
        {"OPEN 2^31",
         after_greeting(with_length(open, 0x8000'0000)),
         goaway_reason::too_large,
         {"2147483648", "147456"}},
        {"OPEN 2^32-1",
         after_greeting(with_length(open, 0xffff'ffff)),
         goaway_reason::too_large,
         {"4294967295", "147456"}},
        {"unknown 2^32-1",
         after_greeting(with_length(unknown, 0xffff'ffff)),
         goaway_reason::too_large,
         {"4294967295", "147456"}},
        {"SETTINGS 2^31",
         joined({preface(1, 1), with_length(settings_frame({}), 0x8000'0000)}),
         goaway_reason::too_large,
         {"2147483648", "147456"}},
        {"PING 0",
         after_greeting(raw_frame({0, frame_type::ping, 0, 0, 0, 0})),
         goaway_reason::protocol,
         {"length 0", "at least 8"}},
        {"PING 9",
         after_greeting(raw_frame({0, frame_type::ping, 0, 0, 0, 0}, bytes(9))),
         goaway_reason::too_large,
         {"length 9", "at most 8"}},
        {"END 7",
         after_greeting(raw_frame({0, frame_type::end, 0, 0, peers, 0}, bytes(7))),
         goaway_reason::protocol,
         {"length 7", "at least 8"}},
        {"CANCEL 1",
         after_greeting(raw_frame({0, frame_type::cancel, 0, 0, 0, 1}, bytes(1))),
         goaway_reason::too_large,
         {"length 1", "at most 0"}},
        {"a message of 131073",
         after_greeting(open_frame(0, 0, {.name = "n", .message = std::string(131'073, 'x')})),
         goaway_reason::too_large,
         {"131073", "131072"}},
        {"a piece of 65537",
         after_greeting(open_frame(
             0, 0, {.name = "n", .size = 4'000'000, .message = std::string(65'537, 'x')})),
         goaway_reason::too_large,
         {"65537", "65536"}},
        {"SIZED 67108865",
         after_greeting(open_frame(0, 0, {.name = "n", .size = 67'108'865, .message = "x"})),
         goaway_reason::too_large,
         {"67108865", "message_max is 67108864"}},
        {"SIZED 2^32-1",
         after_greeting(open_frame(0, 0, {.name = "n", .size = 0xffff'ffff, .message = "x"})),
         goaway_reason::too_large,
         {"4294967295", "67108864"}},
        {"SIZED 1 with two bytes",
         after_greeting(open_frame(0, 0, {.name = "n", .size = 1, .message = "xx"})),
         goaway_reason::protocol,
         {"2 bytes", "of 1"}},
    });
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("a frame that breaks a rule ends the connection for it",
             "[rpc][connection][hostile]") {
    bytes named_twice = joined({echo_frame(0, "x"), echo_frame(1, "y")});
    auto tried = try_each({
        {"unknown type",
         after_greeting(raw_frame({0, static_cast<frame_type>(99), 0, 0, 0, 0})),
         goaway_reason::protocol,
         {"type 99", "IGNORABLE"}},
        {"type 0",
         after_greeting(raw_frame({0, static_cast<frame_type>(0), 0x7f, 0, 0, 0})),
         goaway_reason::protocol,
         {"type 0"}},
        {"a foreign flag",
         after_greeting(raw_frame({0, frame_type::ping, 1, 0, 0, 0}, bytes(8))),
         goaway_reason::protocol,
         {"PING", "0x01"}},
        {"OPEN without a message",
         after_greeting(raw_frame({0, frame_type::open, flag::fin, 0, 0, 0})),
         goaway_reason::protocol,
         {"OPEN", "do not go together"}},
        {"OPEN of the receiver's",
         after_greeting(open_frame(peers, 0, {.name = "n"})),
         goaway_reason::protocol,
         {"OPEN", "stream 0"}},
        {"a number of 128",
         after_greeting(open_frame(128, 0, {.name = "n"})),
         goaway_reason::protocol,
         {"128", "calls_max"}},
        {"a number in use",
         after_greeting(joined({sum_frame(7), sum_frame(7, {})})),
         goaway_reason::protocol,
         {"number 7", "in use"}},
        {"the alias 1024",
         after_greeting(open_frame(0, 1024, {.name = "n"})),
         goaway_reason::protocol,
         {"aux 1024", "1023"}},
        {"an alias without a name",
         after_greeting(open_frame(0, 3, {})),
         goaway_reason::protocol,
         {"alias 3", "no name"}},
        {"an alias named twice",
         after_greeting(named_twice),
         goaway_reason::protocol,
         {"alias 0", "twice"}},
        {"an empty name",
         after_greeting(
             raw_frame({0, frame_type::open, flag::message | flag::name, 0, 0, 0}, bytes(1))),
         goaway_reason::protocol,
         {"name is empty"}},
        {"a name that is cut",
         after_greeting(raw_frame({0, frame_type::open, flag::message | flag::name, 0, 0, 0},
                                  to_bytes("\x05xyz"))),
         goaway_reason::protocol,
         {"5 bytes", "3 left"}},
        {"metadata of 8193",
         after_greeting(open_frame(0, 0, {.name = "n", .metadata = std::string(8193, 'x')})),
         goaway_reason::too_large,
         {"8193", "8192"}},
    });
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("a connection that is ended disturbs no other", "[rpc][connection][hostile]") {
    probe_service object;
    facing_connections neighbours(object);
    auto tried = try_each({
        {"CANCEL for another reason",
         after_greeting(raw_frame({0, frame_type::cancel, 0, 0, 0, 2})),
         goaway_reason::protocol,
         {"CANCEL", "aux"}},
        {"CREDIT of 2^31",
         after_greeting(raw_frame({0, frame_type::credit, 0, 0, 0, 0x8000'0000})),
         goaway_reason::protocol,
         {"CREDIT", "2147483648", "2147483647"}},
        {"credit that adds up to 2^31",
         after_greeting(joined(
             {open_frame(0, 1, {.name = "test.probe/count", .message = encoded_number(1'000'000)}),
              raw_frame({0, frame_type::credit, 0, 0, 0, credit_max}),
              raw_frame({0, frame_type::credit, 0, 0, 0, credit_max})})),
         goaway_reason::protocol,
         {"call 0", "2147483647"}},
        {"handles on a transport without",
         after_greeting(open_frame(0, 0, {.name = "n"}, 1)),
         goaway_reason::handles,
         {"1 handles", "handles_max 0"}},
        {"handles on PING",
         after_greeting(raw_frame({0, frame_type::ping, 0, 1, 0, 0}, bytes(8))),
         goaway_reason::handles,
         {"1 handles"}},
        {"GOAWAY that is cut",
         after_greeting(raw_frame({0, frame_type::goaway, 0, 0, 0, 0}, bytes(9))),
         goaway_reason::protocol,
         {"length 9", "10"}},
        {"GOAWAY with less text than it says",
         after_greeting(raw_frame({0, frame_type::goaway, 0, 0, 0, 0},
                                  to_bytes(std::string_view("\0\0\0\0\0\0\0\0\5\0x", 11)))),
         goaway_reason::protocol,
         {"5 bytes", "1 left"}},
    });
    const auto surprises = co_await std::move(tried);
    rpc::stub<probe> there(neighbours.client);
    const std::string undisturbed = co_await there.echo("who cares");

    CHECK(surprises == std::vector<std::string>());
    REQUIRE(undisturbed == "who cares");
}

CO_TEST_CASE("pieces that make no message end the connection", "[rpc][connection][hostile]") {
    constexpr std::uint8_t piece = flag::message | flag::more;
    const bytes begun =
        open_frame(0, 0, {.name = "test.probe/echo", .size = 100, .message = "begins"});
    const auto after_begun = [&](const bytes& next) { return joined({greeting(), begun, next}); };
    const auto after_sum = [](const bytes& next) {
        return joined({greeting(), sum_frame(0), next});
    };
    const std::string most(93, 'x');
    const std::string all(94, 'x');
    auto tried = try_each({
        {"the last piece is short",
         after_begun(data_frame(0, flag::message | flag::fin, most)),
         goaway_reason::protocol,
         {"call 0", "pieces"}},
        {"the last piece is long",
         after_begun(data_frame(0, flag::message | flag::fin, all + "x")),
         goaway_reason::protocol,
         {"pieces"}},
        {"a piece fills it and says MORE",
         after_begun(data_frame(0, piece, all)),
         goaway_reason::protocol,
         {"pieces"}},
        {"FIN in the middle",
         after_begun(data_frame(0, flag::fin, "")),
         goaway_reason::protocol,
         {"pieces"}},
        {"another first piece",
         after_begun(sized_frame(0, 100, "begins")),
         goaway_reason::protocol,
         {"pieces"}},
        {"an empty piece",
         after_begun(data_frame(0, piece, "")),
         goaway_reason::protocol,
         {"no bytes"}},
        {"a piece of nothing",
         after_sum(data_frame(0, piece, "x")),
         goaway_reason::protocol,
         {"pieces"}},
        {"a first piece with all of it",
         after_sum(sized_frame(0, 4, "abcd")),
         goaway_reason::protocol,
         {"pieces"}},
        {"an item behind FIN",
         after_sum(joined({data_frame(0, flag::fin, ""), data_frame(0, flag::message, "abcd")})),
         goaway_reason::protocol,
         {"pieces"}},
        {"more behind a whole parameter list",
         joined({greeting(),
                 open_frame(0, 0, {.name = "test.probe/hold", .size = 100, .message = "begins"}),
                 data_frame(0, flag::message, all), data_frame(0, flag::message, "x")}),
         goaway_reason::protocol,
         {"pieces"}},
        {"an item without credit",
         after_sum(joined({data_frame(0, flag::message, std::string(65'600, 'x')),
                           data_frame(0, flag::message, "x")})),
         goaway_reason::protocol,
         {"call 0", "without credit"}},
    });
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("frames about calls that do not exist are skipped and counted",
             "[rpc][connection][hostile]") {
    raw_client with;
    bytes sent = joined({
        greeting(),
        data_frame(9, flag::message, "x"),
        data_frame(9 | peers, flag::message | flag::fin, "x"),
        end_frame(9, 0, "x"),
        raw_frame({0, frame_type::credit, 0, 0, 9, 1}),
        raw_frame({0, frame_type::credit, 0, 0, 9 | peers, 1}),
        raw_frame({0, frame_type::cancel, 0, 0, 9, 1}),
        raw_frame({0, static_cast<frame_type>(99), flag::ignorable | 0x7f, 0, 12, 34},
                  bytes(100'000)),
        raw_frame({0, frame_type::pong, 0, 0, 0, 0}, bytes(8)),
        echo_frame(9, "and on it goes"),
    });
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(1);

    REQUIRE(first_string(with.peer.ends.at(0).message) == "and on it goes");
    REQUIRE(with.server.counters().frames_skipped == 7);
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("calls that cannot be served are refused, and the connection goes on",
             "[rpc][connection][hostile]") {
    raw_client with(rpc::connection_options().message_max(65'536));
    const std::string name(255, 'n');
    const std::string surplus = encoded_text("surplus") + "x";
    const std::string in_time = encoded_text("in time");
    bytes sent = joined({
        greeting(),
        open_frame(0, 1, {.name = name}),
        open_frame(1, 1, {}),
        open_frame(2, 0, {.name = "test.probe/echo", .message = ""}),
        open_frame(3, 0, {.message = surplus}),
        open_frame(4, 0, {.size = 100'000, .message = "x"}),
        open_frame(5, 0, {.message = std::string(65'537, 'x')}),
        open_frame(6, 0, {.deadline_us = 3'600'000'000, .message = in_time}),
        open_frame(7, 0, {.deadline_us = ~std::uint64_t{0}, .message = in_time}),
    });
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(8);

    std::map<std::uint32_t, std::uint32_t> codes;
    for (const auto& each : with.peer.ends) codes[each.stream] = each.status;
    REQUIRE(with.peer.ends.size() == 8);
    REQUIRE(with.server.is_open());
    REQUIRE(with.server.counters().calls_refused == 4);
    REQUIRE(codes == std::map<std::uint32_t, std::uint32_t>{
                         {0, 12}, {1, 12}, {2, 0}, {3, 0}, {4, 8}, {5, 8}, {6, 0}, {7, 0}});
}

CO_TEST_CASE("a call of which the rest comes after the last word is not begun",
             "[rpc][connection][hostile]") {
    raw_client with;
    const bytes open = echo_frame(0, std::string(100'000, 'x'));
    const bytes first = joined({greeting(), bytes(open.begin(), open.begin() + 50'000)});
    co_await with.peer.send(first);
    while (with.server.counters().bytes_received < first.size()) co_await yield();
    co_await settle();
    auto drained = scope.spawn(with.server.drain());
    co_await with.peer.until_told_off();
    co_await with.peer.send(bytes(open.begin() + 50'000, open.end()));
    co_await settle();
    with.peer.hang_up();
    co_await drained;

    REQUIRE(with.peer.goaway->opens == 0);
    REQUIRE(with.server.counters().calls_served == 0);
}
