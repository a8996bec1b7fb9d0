// SPDX-License-Identifier: BSL-1.0
//
// Peers that send proper frames, and too many of them, too large ones, or read nothing: what they
// cost is bounded, and whoever works is not taken for one. Wrong frames are in
// connection_hostile_test.cpp.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using namespace conduit::rpc::detail;
using rpc::status;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

bytes repeated(const bytes& what, std::size_t times) {
    bytes all;
    all.reserve(what.size() * times);
    for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), what.begin(), what.end());
    return all;
}

class hoarder {
public:
    virtual ~hoarder() = default;
    virtual task<void> keep(stream<std::string> unread) = 0;
};
CONDUIT_INTERFACE(hoarder, "test.hoarder", keep)

class hoarding_service final : public hoarder {
public:
    task<void> keep(stream<std::string> unread) override {
        const stream<std::string> kept = std::move(unread);
        co_await never.wait();
    }

    event never;
};

const bytes cancel = raw_frame({0, frame_type::cancel, 0, 0, 0, 1});
const bytes ping = raw_frame({0, frame_type::ping, 0, 0, 0, 0}, bytes(8));

}  // namespace

CO_TEST_CASE("opening and cancelling in a loop has an end", "[rpc][connection][flood]") {
    raw_client with;
    const bytes once = joined({open_frame(0, 0, {}), cancel});
    const bytes hello = joined({greeting(), open_frame(0, 0, {.name = "test.probe/hold"}), cancel});
    co_await with.peer.send(hello);
    std::size_t rounds = 1;
    while (!with.server.is_down() && rounds < 5000) {
        co_await with.peer.until_ends(rounds);  // the number is taken until then
        const bool sent = co_await with.peer.send(once);
        if (!sent) break;
        ++rounds;
    }
    co_await with.peer.until_told_off();

    REQUIRE(with.peer.goaway->reason == goaway_reason::too_much);
    REQUIRE_THAT(with.peer.goaway->text, Catch::Contains("1000"));
    REQUIRE(with.server.counters().calls_cancelled >= 1000);
    REQUIRE(with.server.counters().calls_cancelled <= 1040);
    REQUIRE(with.server.counters().faults_of_peer == 1);
}

CO_TEST_CASE("a number is taken until the procedure has finished", "[rpc][connection][flood]") {
    auto attack = verdict_on(joined(
        {greeting(), open_frame(0, 0, {.name = "test.probe/hold"}), cancel, open_frame(0, 0, {})}));
    const verdict ended = co_await std::move(attack);

    REQUIRE(differs(ended, goaway_reason::protocol, {"number 0", "in use"}) == "");
}

CO_TEST_CASE("calls that end earn cancellations, refused ones do not", "[rpc][connection][flood]") {
    raw_client useful;
    raw_client useless;
    const bytes works = joined({greeting(), echo_frame(0, "")});
    const bytes fails = joined({greeting(), open_frame(0, 0, {.name = "no/such"})});
    co_await useful.peer.send(works);
    co_await useless.peer.send(fails);
    co_await useful.peer.until_ends(1);
    co_await useless.peer.until_ends(1);
    const std::string empty = encoded_text("");
    const bytes cancels = repeated(raw_frame({0, frame_type::cancel, 0, 0, 1, 1}), 9);
    const bytes round = joined({open_frame(0, 0, {.message = empty}), cancels});
    bool goes_on = true;
    std::size_t rounds = 1;
    for (; rounds < 300; ++rounds) {
        co_await useful.peer.send(round);
        co_await useful.peer.until_ends(rounds + 1);
        if (goes_on) goes_on = co_await useless.peer.send(round);
        if (goes_on) co_await useless.peer.until_ends(rounds + 1);
    }

    REQUIRE(useful.server.is_open());
    REQUIRE_FALSE(useless.server.is_open());
    REQUIRE(useless.peer.goaway->reason == goaway_reason::too_much);
}

CO_TEST_CASE("pings are answered, a flood of them is not", "[rpc][connection][flood]") {
    raw_client with;
    const bytes few = joined({greeting(), repeated(ping, 100)});
    co_await with.peer.send(few);
    while (with.server.counters().pings_received < 100) co_await yield();
    co_await settle();
    const std::size_t answers = with.peer.pongs.size();
    const bytes many = repeated(ping, 1100);
    co_await with.peer.send(many);
    co_await with.peer.until_told_off();

    REQUIRE(answers >= 1);  // of several that wait the newest is answered
    REQUIRE(answers <= 100);
    REQUIRE(with.peer.goaway->reason == goaway_reason::too_much);
    REQUIRE_THAT(with.peer.goaway->text, Catch::Contains("1000") && Catch::Contains("33"));
    REQUIRE(with.server.counters().pings_received <= 1100);
}

CO_TEST_CASE("frames about nothing have an end", "[rpc][connection][flood]") {
    const bytes ignorable = raw_frame({0, static_cast<frame_type>(99), flag::ignorable, 0, 0, 0});
    for (const bytes& each : {data_frame(3, flag::message, "x"), end_frame(3, 0, ""), ignorable,
                              raw_frame({0, frame_type::credit, 0, 0, 3, 1})}) {
        auto attack = verdict_on(joined({greeting(), repeated(each, 10'600)}));
        const verdict ended = co_await std::move(attack);

        REQUIRE(differs(ended, goaway_reason::too_much, {"10000", "330"}) == "");
        REQUIRE(ended.counters.frames_skipped > 10'000);
    }
}

CO_TEST_CASE("items for procedures that had enough are no flood", "[rpc][connection][flood]") {
    raw_client with;
    const bytes item = data_frame(0, flag::message, encoded_number(7));
    const bytes wrong = data_frame(0, flag::message, "xyz");  // the procedure fails
    const bytes first = open_frame(0, 0, {.name = "test.probe/sum", .fin = false});
    const bytes next = open_frame(0, 0, {.fin = false});
    for (std::size_t round = 0; round < 6; ++round) {
        const bytes head = round == 0 ? joined({greeting(), first, wrong}) : joined({next, wrong});
        co_await with.peer.send(head);
        co_await with.peer.send(repeated(item, 3000));
        co_await with.peer.until_ends(round + 1);
        REQUIRE(with.peer.ends.size() == round + 1);
    }
    co_await settle();

    REQUIRE(with.server.is_open());
    REQUIRE(with.peer.ends[0].status == static_cast<std::uint32_t>(status::invalid_argument));
}

CO_TEST_CASE("unread refusals end the connection before they pile up", "[rpc][connection][flood]") {
    raw_client with(rpc::connection_options().output_max(65'536), raw_peer::hearing::deaf);
    const bytes many = repeated(open_frame(0, 9, {}), 200);
    const bytes hello = joined({greeting(), open_frame(0, 9, {.name = "no/such"})});
    co_await with.peer.send(hello);
    for (int i = 0; i < 100 && with.server.is_open(); ++i) {
        co_await with.peer.send(many);
        co_await yield();
    }
    co_await with.server.until_down();

    REQUIRE(with.server.why()->reason == goaway_reason::too_much);
    REQUIRE_THAT(with.server.why()->text, Catch::Contains("at most 131072"));
    REQUIRE(with.server.counters().bytes_received < 300'000);
}

CO_TEST_CASE("results wait for who does not read them", "[rpc][connection][flood]") {
    raw_client with(rpc::connection_options().output_max(65'536), raw_peer::hearing::deaf);
    const std::string text(20'000, 'x');
    bytes opens = joined({greeting(), echo_frame(0, text)});
    for (std::uint32_t i = 1; i < 100; ++i) opens = joined({opens, echo_frame(i, text, {})});
    co_await with.peer.send(opens);
    co_await settle();

    REQUIRE(with.server.counters().calls_served == 100);
    REQUIRE(with.server.calls_served_now() > 88);  // 64 KiB wait, and as much is on its way
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("a stream waits for who does not read it", "[rpc][connection][flood]") {
    raw_client with({}, raw_peer::hearing::deaf);
    const std::string million = encoded_number(1'000'000);
    const bytes sent =
        joined({greeting(), open_frame(0, 0, {.name = "test.probe/count", .message = million}),
                raw_frame({0, frame_type::credit, 0, 0, 0, 0x7ffe'0000})});
    co_await with.peer.send(sent);
    std::size_t before = 0;
    do {
        before = with.service.counted;
        co_await settle();
    } while (with.service.counted != before || before == 0);

    REQUIRE(with.service.counted < 80'000);  // of 20 bytes each; 1 MiB may wait
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("what the arguments of all calls may take is bounded", "[rpc][connection][flood]") {
    raw_client with(rpc::connection_options().memory_max(1'000'000));
    bytes opens = joined({greeting(), open_frame(0, 0, {.name = "test.probe/sum", .fin = false})});
    for (std::uint32_t i = 1; i < 20; ++i) {
        opens = joined({opens, open_frame(i, 0, {.fin = false})});
    }
    // 15 windows have room; a size beyond what is left is refused before its bytes come.
    opens = joined(
        {opens, open_frame(50, 1, {.name = "test.probe/echo", .size = 4'000'000, .message = "x"})});
    co_await with.peer.send(opens);
    co_await with.peer.until_ends(6);

    REQUIRE(with.peer.ends.size() == 6);
    for (const auto& each : with.peer.ends) {
        REQUIRE(each.status == static_cast<std::uint32_t>(status::resource_exhausted));
        REQUIRE(each.not_started);
        REQUIRE_THAT(first_string(each.message), Catch::Contains("1000000"));
    }
    REQUIRE(with.server.calls_served_now() == 15);
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("items beyond their credit are charged as well", "[rpc][connection][flood]") {
    hoarding_service object;
    rpc::service_table offers;
    offers.add<hoarder>(object);
    auto ends = make_memory_stream_pair();
    rpc::connection server(any_stream(std::move(ends.first)), offers,
                           rpc::connection_options().memory_max(11 * 65'536));
    raw_peer peer(any_stream(std::move(ends.second)));
    bytes sent = greeting();
    const std::string whole(131'056, 'x');
    for (std::uint32_t i = 0; i < 10; ++i) {
        const std::string_view name = i == 0 ? "test.hoarder/keep" : "";
        sent = joined({sent, open_frame(i, 0, {.name = name, .fin = false})});
    }
    for (std::uint32_t i = 0; i < 10; ++i) {
        sent = joined({sent, data_frame(i, flag::message, whole)});
    }
    co_await peer.send(std::move(sent));
    co_await settle();

    REQUIRE(server.counters().messages_refused == 9);
    REQUIRE(server.calls_served_now() == 10);
    REQUIRE(server.is_open());
}
