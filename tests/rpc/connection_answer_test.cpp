// SPDX-License-Identifier: BSL-1.0
//
// Servers that answer wrongly, from the side of who calls them: each call ends once, with a fault
// that says why, or the connection ends for the reason that there is.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/rpc/codec.hpp>
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

struct outcome {
    std::string text;  // of the result, or of the fault
    status code = status::ok;
    bool may_have_run = false;
    std::size_t ends = 0;
};

task<void> call_echo(rpc::stub<probe> there, outcome& into, std::size_t size = 2) {
    std::string text(size, 'x');
    auto call = there.echo(std::move(text));
    auto came = co_await rpc::try_call(std::move(call));
    ++into.ends;
    if (came) {
        into.text = *came;
        co_return;
    }
    into.code = came.error().code();
    into.text = came.error().text();
    into.may_have_run = came.error().may_have_run();
}

task<void> call_count(rpc::stub<probe> there, outcome& into) {
    try {
        auto numbers = there.count(3);
        while (auto each = co_await numbers.next()) into.text += std::to_string(*each);
    } catch (const rpc::fault& why) {
        into.code = why.code();
        into.text = why.text();
    }
    ++into.ends;
}

/// Answers one call with these bytes, and then hangs up.
task<outcome> answered(bytes reply, task<void> (*call)(rpc::stub<probe>, outcome&)) {
    const bytes own = std::move(reply);
    raw_server with;
    outcome came;
    task_scope calls;
    calls.spawn(call(with.there, came));
    co_await with.peer.send(greeting());
    while (with.peer.opens.empty()) co_await yield();
    co_await with.peer.send(own);
    co_await with.peer.half_close();
    co_await with.client.until_down();
    co_await calls.join();
    co_return came;
}

task<void> echo_two(rpc::stub<probe> there, outcome& into) { co_await call_echo(there, into); }

const std::uint32_t clients = receivers_stream;  // in a frame about a call of the client

struct answer {
    const char* what;
    bytes sent;
    status code;
    std::vector<std::string> words;
};

task<std::vector<std::string>> try_each(std::vector<answer> all,
                                        task<void> (*call)(rpc::stub<probe>, outcome&)) {
    const std::vector<answer> cases = std::move(all);
    std::vector<std::string> surprises;
    for (const answer& each : cases) {
        auto attack = answered(each.sent, call);
        const outcome came = co_await std::move(attack);
        std::string wrong;
        if (came.ends != 1) wrong += "it ended " + std::to_string(came.ends) + " times; ";
        if (came.code != each.code) wrong += std::string(to_string(came.code)) + "; ";
        for (const std::string& word : each.words) {
            if (came.text.find(word) == std::string::npos) wrong += "no '" + word + "'; ";
        }
        if (!wrong.empty()) surprises.push_back(std::string(each.what) + ": " + wrong + came.text);
    }
    co_return surprises;
}

bytes fault_bytes(std::string_view text) {
    const std::string own(text);
    const std::uint32_t retry_after = no_retry_after;
    const std::string type;
    const std::vector<std::byte> details;
    bytes out(rpc::encoded_size(own, retry_after, type, details));
    rpc::encode_fields(out.data(), own, retry_after, type, details);
    return out;
}

bytes end_with(std::uint32_t code, const bytes& message, std::uint8_t flags = flag::message) {
    return raw_frame({0, frame_type::end, flags, 0, clients, code}, joined({bytes(8), message}));
}

}  // namespace

CO_TEST_CASE("a result that is none is a fault of its call", "[rpc][connection][answer]") {
    auto tried = try_each(
        {
            {"a good one", end_frame(0, 0, encoded_text("yes")), status::ok, {"yes"}},
            {"nothing, of which the fields have their defaults",
             end_frame(0, 0, ""),
             status::ok,
             {}},
            {"cut",
             end_frame(0, 0, std::string_view("\5\0\0\0yes", 7)),
             status::internal,
             {"result"}},
            {"2^32-1 characters",
             end_frame(0, 0, encoded_number(0xffff'ffff)),
             status::internal,
             {"4294967295"}},
            {"a fault", end_with(5, fault_bytes("none here")), status::not_found, {"none here"}},
            {"a fault without a text", end_with(5, {}, 0), status::not_found, {}},
            {"a fault that is none", end_with(5, to_bytes("xyz")), status::internal, {"decoded"}},
            {"a status that there is not",
             end_with(0xffff'ffff, fault_bytes("odd")),
             status::unknown,
             {"odd"}},
            {"END twice",
             joined({end_frame(0, 0, encoded_text("one")), end_frame(0, 0, "two")}),
             status::ok,
             {"one"}},
            {"END in the middle of a result",
             joined({data_frame(clients, flag::message | flag::more | flag::sized,
                                encoded_number(200'000) + "begins"),
                     end_frame(0, 0, "")}),
             status::internal,
             {"middle"}},
            {"a result beyond message_max",
             data_frame(clients, flag::message | flag::more | flag::sized,
                        encoded_number(4'194'305) + "x"),
             status::resource_exhausted,
             {"4194305", "4194304 are taken (message_max)"}},
            {"a result beyond every message_max",
             data_frame(clients, flag::message | flag::more | flag::sized,
                        encoded_number(67'108'865) + "x"),
             status::unavailable,
             {"67108865", "67108864"}},
            {"pieces that make none",
             data_frame(clients, flag::message | flag::more, "x"),
             status::unavailable,
             {"pieces"}},
            {"a handle",
             raw_frame({0, frame_type::end, flag::message, 1, clients, 0}, bytes(12)),
             status::unavailable,
             {"1 handles"}},
            {"GOAWAY: shutdown",
             make_goaway(goaway_reason::shutdown, 0, 0, "for \x1b[31mtea"),
             status::unavailable,
             {"for ?[31mtea"}},
            {"OPEN of what is not offered",
             joined({open_frame(0, 0, {.name = "x/y"}), end_frame(0, 0, encoded_text("yes"))}),
             status::ok,
             {"yes"}},
        },
        &echo_two);
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("a call has one result, in whatever frames", "[rpc][connection][answer]") {
    auto tried = try_each(
        {
            {"a result in a message of its own",
             joined({data_frame(clients, flag::message, encoded_text("yes")), end_with(0, {}, 0)}),
             status::ok,
             {"yes"}},
            {"two results in messages",
             joined({data_frame(clients, flag::message, encoded_text("one")),
                     data_frame(clients, flag::message, encoded_text("two"))}),
             status::unavailable,
             {"test.probe/echo", "second result"}},
            {"a result in a message, and one in END",
             joined({data_frame(clients, flag::message, encoded_text("one")),
                     end_frame(0, 0, encoded_text("two"))}),
             status::unavailable,
             {"test.probe/echo", "second result"}},
        },
        &echo_two);
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("an item that is none is a fault of its stream", "[rpc][connection][answer]") {
    const bytes one = data_frame(clients, flag::message, encoded_number(1));
    auto tried = try_each(
        {
            {"a good one", joined({one, one, end_frame(0, 0, "")}), status::ok, {"11"}},
            {"cut", joined({one, data_frame(clients, flag::message, "x")}), status::internal, {}},
            {"a result instead of items",
             joined({one, end_frame(0, 0, encoded_number(2))}),
             status::internal,
             {"result"}},
            {"END in the middle of an item",
             joined({one,
                     data_frame(clients, flag::message | flag::more | flag::sized,
                                encoded_number(200'000) + "begins"),
                     end_frame(0, 0, "")}),
             status::internal,
             {"middle"}},
            {"items without credit",
             joined({data_frame(clients, flag::message,
                                encoded_number(1) + std::string(100'000, '\0')),
                     one}),
             status::unavailable,
             {"credit"}},
            {"an item behind FIN",
             joined({data_frame(clients, flag::message | flag::fin, "1234"), one}),
             status::unavailable,
             {"pieces"}},
        },
        &call_count);
    const auto surprises = co_await std::move(tried);

    CHECK(surprises == std::vector<std::string>());
}

CO_TEST_CASE("calls that a GOAWAY leaves out have not run", "[rpc][connection][answer]") {
    for (const auto reason :
         {goaway_reason::shutdown, goaway_reason::protocol, goaway_reason::too_large,
          goaway_reason::version, goaway_reason::too_much, goaway_reason::timeout,
          goaway_reason::refused, goaway_reason::handles, goaway_reason::internal}) {
        raw_server with;
        outcome first;
        outcome second;
        task_scope calls;
        calls.spawn(call_echo(with.there, first));
        calls.spawn(call_echo(with.there, second));
        co_await with.peer.send(greeting());
        while (with.peer.opens.size() < 2) co_await yield();
        co_await with.peer.send(make_goaway(reason, 1, no_retry_after, "bye"));
        const bool is_patient = scheduler::current().backend_name() == "sim";
        if (!is_patient) with.peer.hang_up();  // else it goes down though the peer stays
        co_await with.client.until_down();
        co_await calls.join();

        REQUIRE(with.client.why()->reason == reason);
        REQUIRE_THAT(first.text, Catch::Contains("bye"));
        REQUIRE(first.code == status::unavailable);
        REQUIRE(first.may_have_run != second.may_have_run);  // the first one, in no certain order
        REQUIRE(first.ends == 1);
        REQUIRE(second.ends == 1);
    }
}

CO_TEST_CASE("after GOAWAY(draining) calls under way go on, no new ones begin",
             "[rpc][connection][answer]") {
    raw_server with;
    outcome first;
    outcome second;
    task_scope calls;
    calls.spawn(call_echo(with.there, first));
    co_await with.peer.send(greeting());
    while (with.peer.opens.empty()) co_await yield();
    co_await with.peer.send(make_goaway(goaway_reason::draining, 1, no_retry_after, "soon"));
    while (with.client.is_open()) co_await yield();
    co_await call_echo(with.there, second);
    co_await with.peer.send(end_frame(0, 0, encoded_text("yes")));
    co_await calls.join();

    REQUIRE(first.text == "yes");
    REQUIRE(second.code == status::unavailable);
    REQUIRE_FALSE(second.may_have_run);
}

CO_TEST_CASE("large arguments are cut as the smallest peer wants them",
             "[rpc][connection][answer]") {
    for (const std::size_t size : {8180, 8188, 8189, 9000, 16'384, 70'000, 140'000}) {
        raw_server with;
        bytes list(8);
        put_u32(put_u16(put_u16(list.data(), 1), 4), 16'384);
        bytes hello = greeting();
        hello.resize(preface_size);
        hello = joined({hello, raw_frame({0, frame_type::settings, 0, 0, 0, 0}, list)});
        co_await with.peer.send(hello);
        while (!with.peer.settings) co_await yield();
        co_await settle();
        const bytes credit = raw_frame({0, frame_type::credit, 0, 0, clients, 16'384});
        outcome came;
        task_scope calls;
        calls.spawn(call_echo(with.there, came, size));
        while (with.peer.opens.empty() && with.peer.is_proper) co_await yield();
        while (with.peer.argument_bytes < size + 4 && with.peer.is_proper) {
            co_await with.peer.send(credit);
            co_await yield();
        }
        co_await with.peer.send(end_frame(0, 0, encoded_text("yes")));
        co_await calls.join();

        REQUIRE(with.peer.is_proper);
        REQUIRE(with.peer.argument_bytes == size + 4);
        REQUIRE(with.peer.longest <= 16'384);
        REQUIRE(came.text == "yes");
    }
}

CO_TEST_CASE("what comes for calls that were given up is no flood", "[rpc][connection][answer]") {
    raw_server with;
    co_await with.peer.send(greeting());
    for (std::uint32_t round = 0; round < 6; ++round) {
        outcome came;
        task_scope calls;
        calls.spawn(call_count(with.there, came));
        while (with.peer.opens.size() <= round) co_await yield();
        calls.request_stop();
        co_await calls.join();
        while (with.peer.cancels <= round) co_await yield();
        const std::uint32_t number = with.peer.opens.back().stream | clients;
        bytes items;
        const bytes item = data_frame(number, flag::message, encoded_number(7));
        for (int i = 0; i < 3276; ++i) items.insert(items.end(), item.begin(), item.end());
        items = joined({items, end_frame(number & ~clients, 1, "")});
        co_await with.peer.send(std::move(items));
    }
    while (with.client.calls_made_now() > 0 && with.client.is_open()) co_await yield();

    REQUIRE(with.client.is_open());
    REQUIRE(with.client.counters().frames_skipped >= 6 * 3276);
}
