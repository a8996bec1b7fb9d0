// SPDX-License-Identifier: BSL-1.0
//
// What can go wrong between a client and its server, one case for each row of the catalogue:
// replies that do not come, come twice, or come too late; connections that die; retries that pile
// up. Over Unix sockets, so that each kernel backend carries them.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/sanitized.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/pool_client.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using namespace conduit::rpc::detail;
using rpc::status;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

using called = result<std::string, rpc::fault>;

/// A client over a Unix socket, whose server is played by the test.
struct played_server : raw_server {
    explicit played_server(const rpc::connection_options& options = {})
        : raw_server(make_unix_pair().value(), options) {}
};

task<called> try_echo(rpc::stub<probe> there, std::string text) {
    co_return co_await rpc::try_call(there.echo(std::move(text)));
}

/// Waits until the peer has seen so many calls.
task<> until_opened(const raw_peer& peer, std::size_t calls) {
    while (peer.opens.size() < calls) co_await test::come_round();
}

bytes answer_to(std::uint32_t stream, std::string_view text) {
    return end_frame(stream, 0, encoded_text(text));
}

bytes repeated(const bytes& what, std::size_t times) {
    bytes all;
    all.reserve(what.size() * times);
    for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), what.begin(), what.end());
    return all;
}

struct tally {
    int good = 0;
    int wrong = 0;
    int cancelled = 0;
    int unavailable = 0;
    int not_run = 0;
    int other = 0;

    int ended() const { return good + wrong + cancelled + unavailable + other; }
};

task<> echo_into(rpc::stub<probe> there, std::string text, tally& into) {
    const std::string expected = text;
    auto came = co_await rpc::try_call(there.echo(std::move(text)));
    if (came) {
        ++(*came == expected ? into.good : into.wrong);
        co_return;
    }
    const rpc::fault& why = came.error();
    if (!why.may_have_run()) ++into.not_run;
    if (why.code() == status::cancelled) {
        ++into.cancelled;
    } else if (why.code() == status::unavailable) {
        ++into.unavailable;
    } else {
        ++into.other;
    }
}

task<> echo_in_turn(rpc::stub<probe> there, int first, int last, tally& into) {
    for (int i = first; i < last; ++i) {
        co_await echo_into(there, std::to_string(i), into);
    }
}

}  // namespace

CO_TEST_CASE(
    "C1: a reply that never comes ends the call at its deadline, and a late one is dropped",
    "[rpc][client][fault]") {
    played_server with;
    co_await with.peer.send(greeting());
    const auto before = clock::now();
    auto late = co_await within(20ms, try_echo(with.there, "a"));
    const auto took = clock::now() - before;
    const std::size_t taken = with.client.calls_made_now();
    const bytes answers = joined({answer_to(0, "late"), answer_to(1, "in time")});
    auto next = scope.spawn(try_echo(with.there, "b"));
    co_await until_opened(with.peer, 2);
    co_await with.peer.send(answers);
    auto good = co_await next;
    REQUIRE(late.error().code() == status::deadline_exceeded);
    REQUIRE(late.error().may_have_run());
    REQUIRE(took >= 20ms);
    if (scheduler::current().backend_name() == "sim") REQUIRE(took <= 21ms);  // one tick
    REQUIRE(taken == 1);                                                      // until END
    REQUIRE(good.value() == "in time");
    REQUIRE(with.client.calls_made_now() == 0);
    REQUIRE(with.client.counters().late_answers == 1);
    REQUIRE(with.client.is_open());
}

CO_TEST_CASE("C2: replies that come twice, or belong to no call, are counted, and too many end it",
             "[rpc][client][fault]") {
    played_server with;
    co_await with.peer.send(greeting());
    auto call = scope.spawn(try_echo(with.there, "a"));
    co_await until_opened(with.peer, 1);
    const bytes twice =
        joined({answer_to(0, "once"), answer_to(0, "again"), answer_to(77, "no such call")});
    co_await with.peer.send(twice);
    auto good = co_await call;
    while (with.client.counters().frames_skipped < 2) co_await test::come_round();
    const bool was_open = with.client.is_open();
    const bytes many = repeated(answer_to(77, ""), 12'000);
    auto flooding = scope.spawn(with.peer.send(many));
    co_await with.client.until_down();
    co_await flooding;
    REQUIRE(good.value() == "once");
    REQUIRE(was_open);
    REQUIRE(with.client.why()->reason == goaway_reason::too_much);
    REQUIRE(with.client.counters().frames_skipped >= 10'000);
    REQUIRE(with.client.counters().frames_skipped < 12'000);
}

CO_TEST_CASE("C3: a connection that dies ends each call once, as not sent or as maybe executed",
             "[rpc][client][fault]") {
    constexpr int calls = 200;
    played_server with;
    co_await with.peer.send(greeting());
    tally all;
    task_scope calling;
    for (int i = 0; i < calls; ++i) calling.spawn(echo_into(with.there, "text", all));
    co_await until_opened(with.peer, 128);
    const int early = all.ended();
    with.peer.hang_up();
    co_await calling.join();
    REQUIRE(early == 0);
    REQUIRE(all.unavailable == calls);
    REQUIRE(all.not_run == calls - 128);
}

CO_TEST_CASE("C4: a retry storm is bounded by the budget, and only what is safe is in it",
             "[rpc][client][fault]") {
    constexpr int calls = 1000;
    fleet servers;
    auto& a = servers.start("a");
    a.object.refusals = 1'000'000;
    a.object.refusal = rpc::fault(status::unavailable, "down");
    rpc::pool_client<vessel> there({"a"}, servers.options().retry_wait(1ms, 1ms));
    int failed = 0;
    for (int i = 0; i < calls; ++i) {
        auto why = co_await rpc::try_call(there->who());
        if (!why && why.error().code() == status::unavailable) ++failed;
    }
    const int of_idempotent = a.object.calls;
    for (int i = 0; i < 100; ++i) {
        auto why = co_await rpc::try_call(there->once());
        if (!why && why.error().code() == status::unavailable) ++failed;
    }
    const auto counted = there.pool().counters();
    REQUIRE(failed == calls + 100);
    REQUIRE(a.object.calls == of_idempotent + 100);
    REQUIRE(counted.retries == static_cast<std::uint64_t>(of_idempotent - calls));
    REQUIRE(counted.retries >= calls / 5);
    // A fifth, 10 a second over 10 s, and 10 more for each second that this took.
    REQUIRE(counted.retries <= calls / 5 + 100 + 300);
    REQUIRE(counted.retries_denied >= calls / 2);
}

CO_TEST_CASE("C4: the waits before calls are made again are spread over all of their time",
             "[rpc][client][fault]") {
    if (scheduler::current().backend_name() != "sim") {  // where waiting takes no time
        throw std::system_error(std::make_error_code(std::errc::not_supported));
    }
    constexpr std::size_t calls = 400;
    constexpr auto longest = 80ms;
    fleet servers;
    auto& a = servers.start("a");
    a.object.refusal = rpc::fault(status::unavailable, "down");
    rpc::pool_client<vessel> there(
        {"a"}, servers.options().retry_wait(longest, longest).retry_budget(100, 1000));
    std::array<std::size_t, 4> quarters{};
    for (std::size_t i = 0; i < calls; ++i) {
        a.object.refusals = 1;
        const auto before = clock::now();
        const std::string name = co_await there->who();
        const auto took = clock::now() - before;
        REQUIRE(took <= longest + 1ms);  // one tick
        ++quarters[std::min<std::size_t>(static_cast<std::size_t>(took / (longest / 4)), 3)];
    }
    REQUIRE(there.pool().counters().retries == calls);
    // Each has a hundred, give or take nine: chance does not take half of them.
    for (const std::size_t each : quarters) REQUIRE(each >= calls / 8);
}

CO_TEST_CASE("C5: a call whose cancellation races its reply has one outcome, and keeps its number",
             "[rpc][client][fault][cancel]") {
    played_server with;
    co_await with.peer.send(greeting());
    tally all;
    constexpr int rounds = 120;
    std::mt19937 random(5);
    for (int i = 0; i < rounds; ++i) {
        const std::size_t seen = with.peer.opens.size();
        auto call = scope.spawn(echo_into(with.there, "text", all));
        co_await until_opened(with.peer, seen + 1);
        const std::uint32_t number = with.peer.opens.back().stream;
        auto answering = scope.spawn(with.peer.send(answer_to(number, "text")));
        const auto steps = static_cast<unsigned>(random() % 6);
        for (unsigned step = 0; step < std::min(steps, 3U); ++step) co_await yield();
        for (unsigned step = 3; step < steps; ++step) co_await test::come_round();
        call.request_stop();
        co_await call;
        co_await answering;
        while (with.client.calls_made_now() > 0) co_await test::come_round();
    }
    auto given_up = scope.spawn(try_echo(with.there, "a"));
    co_await until_opened(with.peer, rounds + 1);
    given_up.request_stop();
    const auto end_of_given_up = co_await given_up;
    static_cast<void>(end_of_given_up);
    auto next = scope.spawn(try_echo(with.there, "b"));
    co_await until_opened(with.peer, rounds + 2);
    const std::uint32_t first = with.peer.opens[rounds].stream;
    const std::uint32_t second = with.peer.opens[rounds + 1].stream;
    const bytes both = joined({answer_to(first, "a"), answer_to(second, "b")});
    co_await with.peer.send(both);
    auto good = co_await next;
    REQUIRE(all.good + all.cancelled == rounds);
    REQUIRE(all.ended() == rounds);
    REQUIRE(all.good >= rounds / 6);
    REQUIRE(all.cancelled >= rounds / 6);
    REQUIRE(first != second);
    REQUIRE(good.value() == "b");
}

CO_TEST_CASE("C6: a server slower than its caller makes callers wait, and no queue grow",
             "[rpc][client][fault]") {
    constexpr int calls = 500;
    constexpr std::size_t size = 100'000;
    auto ends = make_unix_pair().value();
    rpc::connection client(any_stream(std::move(ends.first)), rpc::connection_options());
    raw_peer deaf(any_stream(std::move(ends.second)), raw_peer::hearing::deaf);
    const rpc::stub<probe> there(client);
    tally all;
    task_scope calling;
    for (int i = 0; i < calls; ++i) {
        calling.spawn(echo_into(there, std::string(size, 'x'), all));
    }
    co_await settle();
    const auto counted = client.counters();
    const std::size_t queued = counted.calls_made * size - counted.bytes_sent;
    const int early = all.ended();
    calling.request_stop();
    co_await calling.join();
    REQUIRE(early == 0);
    REQUIRE(counted.calls_made >= 10);
    REQUIRE(queued <= 1024 * 1024 + 2 * size);
    REQUIRE(all.cancelled == calls);
    REQUIRE(all.not_run >= calls - static_cast<int>(counted.calls_made));
}

CO_TEST_CASE("C7: a client that is destroyed ends its calls, those that wait and its streams",
             "[rpc][client][fault]") {
    auto ends = make_unix_pair().value();
    subject_server there;
    there.server.serve(any_stream(std::move(ends.first)));
    auto client = std::make_unique<subject_client>(any_stream(std::move(ends.second)));
    std::vector<child<result<void, rpc::fault>>> held;
    for (int i = 0; i < 200; ++i) held.push_back(scope.spawn(try_hold(**client)));
    co_await until_held(there.object, 128);
    client.reset();
    int unavailable = 0;
    int not_run = 0;
    for (auto& each : held) {
        auto ended = co_await each;
        if (ended.error().code() == status::unavailable) ++unavailable;
        if (!ended.error().may_have_run()) ++not_run;
    }
    co_await until_released(there.object, 128);
    REQUIRE(unavailable == 200);
    REQUIRE(not_run == 72);
}

CO_TEST_CASE("C8: numbers of calls are used again only after END, and never mix up answers",
             "[rpc][client][fault]") {
    constexpr int callers = 8;
    constexpr int each = test::is_sanitized ? 500 : 2500;
    probe_service object;
    rpc::service_table offers;
    offers.add<probe>(object);
    auto ends = make_unix_pair().value();
    rpc::connection server(any_stream(std::move(ends.first)), offers);
    rpc::connection client(any_stream(std::move(ends.second)));
    tally all;
    task_scope calling;
    for (int i = 0; i < callers; ++i) {
        calling.spawn(echo_in_turn(rpc::stub<probe>(client), i * each, (i + 1) * each, all));
    }
    co_await calling.join();
    REQUIRE(all.good == callers * each);
    REQUIRE(all.wrong == 0);
    REQUIRE(server.counters().calls_served == callers * each);

    played_server with;
    co_await with.peer.send(greeting());
    auto first = scope.spawn(try_echo(with.there, "a"));
    co_await until_opened(with.peer, 1);
    first.request_stop();
    const auto end_of_first = co_await first;
    static_cast<void>(end_of_first);
    auto second = scope.spawn(try_echo(with.there, "b"));
    co_await until_opened(with.peer, 2);
    const bytes ended = joined({answer_to(0, "a"), answer_to(1, "b")});
    co_await with.peer.send(ended);
    const auto end_of_second = co_await second;
    static_cast<void>(end_of_second);
    while (with.client.calls_made_now() > 0) co_await test::come_round();
    auto third = scope.spawn(try_echo(with.there, "c"));
    co_await until_opened(with.peer, 3);
    const std::uint32_t again = with.peer.opens[2].stream;
    co_await with.peer.send(answer_to(again, "c"));
    auto good = co_await third;
    REQUIRE(with.peer.opens[0].stream == 0);
    REQUIRE(with.peer.opens[1].stream == 1);  // 0 is taken until its END
    REQUIRE(again <= 1);
    REQUIRE(good.value() == "c");
}

namespace {

/// Of three calls, which may have run: the first of them has the number `first` in the count of
/// OPEN frames, and the peer's last word is that it took up those below `opens`.
task<std::string> which_may_have_run(std::uint32_t first, std::uint32_t opens) {
    connection_terms terms;
    terms.first_sequence = first;
    const rpc::service_table nothing;
    auto ends = make_unix_pair().value();
    rpc::connection client(any_stream(std::move(ends.first)), nothing, std::move(terms));
    raw_peer peer(any_stream(std::move(ends.second)));
    const rpc::stub<probe> there(client);
    co_await peer.send(greeting());
    task_scope calling;
    std::vector<child<called>> calls;
    for (std::size_t i = 1; i <= 3; ++i) {
        calls.push_back(calling.spawn(try_echo(there, "text")));
        co_await until_opened(peer, i);
    }
    const bytes farewell = make_goaway(goaway_reason::shutdown, opens, no_retry_after, "enough");
    co_await peer.send(farewell);
    peer.hang_up();
    std::string which;
    for (auto& each : calls) {
        auto ended = co_await each;
        which += ended.error().may_have_run() ? 'y' : 'n';
    }
    co_await calling.join();
    co_return which;
}

}  // namespace

CO_TEST_CASE("C8: what was not begun is told from what was where the count of calls begins anew",
             "[rpc][client][fault]") {
    for (const std::uint32_t first : {0U, 7U, 0x7fff'fffeU, 0xffff'fffdU, 0xffff'fffeU, ~0U}) {
        INFO("from " << first);
        auto none = co_await which_may_have_run(first, first);
        auto one = co_await which_may_have_run(first, first + 1);
        auto two = co_await which_may_have_run(first, first + 2);
        auto all = co_await which_may_have_run(first, first + 3);
        auto more_than_there_were = co_await which_may_have_run(first, first + 4);
        auto less_than_can_be = co_await which_may_have_run(first, first - 126);
        CHECK(none == "nnn");
        CHECK(one == "ynn");
        CHECK(two == "yyn");
        CHECK(all == "yyy");
        CHECK(more_than_there_were == "yyy");
        CHECK(less_than_can_be == "yyy");
    }
}

namespace {

/// A reply of `size` bytes, where at most `most` are taken, and another call after it.
task<> refuse_long_reply(rpc::connection_options options, std::uint32_t most, std::uint32_t size) {
    played_server with(options);
    co_await with.peer.send(greeting());
    task_scope calling;
    auto call = calling.spawn(try_echo(with.there, "a"));
    co_await until_opened(with.peer, 1);
    const std::uint32_t call_of_client = 0 | receivers_stream;
    const std::string part(50'000, 'x');
    const std::string first = encoded_number(size) + part;
    // It may go on until it learns that nobody waits for it.
    const bytes reply =
        joined({data_frame(call_of_client, flag::message | flag::more | flag::sized, first),
                data_frame(call_of_client, flag::message | flag::more, part)});
    co_await with.peer.send(reply);
    auto refused = co_await call;
    const bytes end = end_frame(0, 0, "");
    co_await with.peer.send(end);
    auto next = calling.spawn(try_echo(with.there, "b"));
    co_await until_opened(with.peer, 2);
    co_await with.peer.send(answer_to(with.peer.opens[1].stream, "b"));
    auto good = co_await next;
    co_await calling.join();
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE_THAT(std::string(refused.error().text()),
                 Catch::Contains("a result of " + std::to_string(size) + " bytes") &&
                     Catch::Contains(std::to_string(most) + " are taken (message_max)"));
    REQUIRE(good.value() == "b");
    REQUIRE(with.client.is_open());
    REQUIRE(with.client.counters().messages_refused == 1);
}

}  // namespace

CO_TEST_CASE("C9: a reply above the limit is refused by name, and the connection is kept",
             "[rpc][client][fault]") {
    co_await refuse_long_reply(rpc::connection_options().message_max(65'536), 65'536, 100'001);
    co_await refuse_long_reply(rpc::connection_options(), 4'194'304, 4'194'305);
    co_await refuse_long_reply(rpc::connection_options().message_max(8'000'000), 8'000'000,
                               67'108'864);
}

CO_TEST_CASE("C9: a reply in one frame is refused by name where it is one byte above the limit",
             "[rpc][client][fault]") {
    constexpr std::size_t most = 70'000;
    constexpr std::size_t around_text = 4;
    call_statistics counted;
    connection_terms terms(rpc::connection_options().message_max(most));
    terms.statistics = &counted;
    const rpc::service_table nothing;
    auto ends = make_unix_pair().value();
    rpc::connection client(any_stream(std::move(ends.first)), nothing, std::move(terms));
    raw_peer peer(any_stream(std::move(ends.second)));
    const rpc::stub<probe> there(client);
    co_await peer.send(greeting());
    const std::string fits(most - around_text, 'x');
    std::vector<called> came;
    for (const std::string& text : {fits, fits + "x", std::string("short")}) {
        auto call = scope.spawn(try_echo(there, "a"));
        co_await until_opened(peer, came.size() + 1);
        const bytes reply = answer_to(peer.opens.back().stream, text);
        co_await peer.send(reply);
        auto ended = co_await call;
        came.push_back(std::move(ended));
    }
    REQUIRE(came[0].value().size() == fits.size());
    REQUIRE(came[1].error().code() == status::resource_exhausted);
    REQUIRE(came[1].error().may_have_run());
    REQUIRE(came[1].error().text() ==
            "test.probe/echo: a result of 70001 bytes, where at most 70000 are taken "
            "(message_max)");
    REQUIRE(came[2].value() == "short");
    REQUIRE(client.is_open());
    REQUIRE(client.counters().messages_refused == 1);
    REQUIRE(counted.hits(limit::message_max) == 1);
}

CO_TEST_CASE("C10: small calls and pings go past a large reply", "[rpc][client][fault]") {
    constexpr std::size_t size = std::size_t{16} * 1024 * 1024;
    const auto large = rpc::connection_options()
                           .message_max(32 * 1024 * 1024)
                           .memory_max(std::size_t{96} * 1024 * 1024);
    probe_service object;
    rpc::service_table offers;
    offers.add<probe>(object);
    auto ends = make_unix_pair().value();
    rpc::connection server(any_stream(std::move(ends.first)), offers, large);
    rpc::connection client(any_stream(std::move(ends.second)), large);
    const rpc::stub<probe> there(client);
    co_await client.until_greeted();
    auto slow = scope.spawn(try_echo(there, std::string(size, 'x')));
    while (server.counters().calls_served == 0 || server.counters().bytes_sent < size / 16) {
        co_await test::come_round();  // the reply has begun
    }
    int passed = 0;
    while (!slow.is_done()) {
        auto small = co_await try_echo(there, "small");
        if (small && !slow.is_done()) ++passed;
    }
    auto reply = co_await slow;
    REQUIRE(reply.value().size() == size);
    REQUIRE(passed >= 8);
}

CO_TEST_CASE("C10: a ping is answered before a large reply has ended", "[rpc][client][fault]") {
    constexpr std::uint32_t size = 3'000'000;
    raw_client with(make_unix_pair().value(), rpc::connection_options());
    co_await with.peer.send(greeting());
    const std::string text = encoded_text(std::string(size, 'x'));
    open_parts first;
    first.name = "test.probe/echo";
    first.size = static_cast<std::uint32_t>(text.size());
    const std::size_t piece = 60'000;
    const std::string beginning = text.substr(0, piece);
    first.message = beginning;
    co_await with.peer.send(open_frame(0, 0, first));
    for (std::size_t at = piece; at < text.size(); at += piece) {
        const bool last = at + piece >= text.size();
        const std::uint8_t flags = last ? flag::message | flag::fin : flag::message | flag::more;
        co_await with.peer.send(data_frame(0, flags, text.substr(at, piece)));
    }
    while (with.peer.items == 0) co_await test::come_round();
    // The window is used up: the rest of the reply waits for credit that does not come.
    const bytes ping = raw_frame({0, frame_type::ping, 0, 0, 0, 0}, bytes(8));
    co_await with.peer.send(ping);
    while (with.peer.pongs.empty()) co_await test::come_round();
    const std::size_t ended = with.peer.ends.size();
    const auto more = make_credit(0, true, 8 * 1024 * 1024);
    co_await with.peer.send(bytes(more.begin(), more.end()));
    co_await with.peer.until_ends(1);
    REQUIRE(ended == 0);
    REQUIRE(with.peer.ends[0].status == 0);
    REQUIRE(with.peer.item_bytes >= size);
}
