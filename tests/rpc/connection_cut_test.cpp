// SPDX-License-Identifier: BSL-1.0
//
// A conversation between two connections, recorded, and broken off after each of its bytes: on
// either side each call ends once, and nothing is left of it.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using rpc::status;

namespace {

struct tally {
    int ended = 0;
    int good = 0;
    int not_run = 0;
    std::vector<status> codes;
};

stream<std::uint32_t> numbers() {
    for (std::uint32_t i = 0; i < 3; ++i) co_yield i;
}

stream<std::string> texts() {
    co_yield std::string("a");
    co_yield std::string("b");
}

task<void> echo(rpc::stub<probe> there) { const std::string said = co_await there.echo("hello"); }

task<void> count(rpc::stub<probe> there) {
    auto counted = there.count(3);
    while (auto number = co_await counted.next()) continue;
}

task<void> sum(rpc::stub<probe> there) { co_await there.sum(numbers()); }

task<void> shout(rpc::stub<probe> there) {
    auto shouted = there.shout(texts());
    while (auto text = co_await shouted.next()) continue;
}

/// Counts how it ends.
task<void> counted(task<void> work, tally& into) {
    task<void> own = std::move(work);
    const auto done = co_await rpc::try_call(std::move(own));
    ++into.ended;
    if (done) {
        ++into.good;
        co_return;
    }
    if (!done.error().may_have_run()) ++into.not_run;
    into.codes.push_back(done.error().code());
}

constexpr int calls_made = 4;

void make_calls(rpc::stub<probe> there, task_scope& calls, tally& into) {
    for (const auto each : {&echo, &count, &sum, &shout}) {
        calls.spawn(counted(each(there), into));
    }
}

/// Passes bytes on and keeps them.
task<void> relay(memory_stream& from, memory_stream& to, bytes& record) {
    std::array<std::byte, 1024> room;
    for (;;) {
        const auto got = co_await from.read_some(room);
        if (!got || *got == 0) break;
        const auto part = std::span(room).first(*got);
        record.insert(record.end(), part.begin(), part.end());
        const auto sent = co_await write_all(to, std::span<const std::byte>(part));
        if (!sent) break;
    }
    const auto closed = co_await to.close_writing();
    static_cast<void>(closed);
}

struct conversation {
    bytes from_client;
    bytes from_server;
};

task<conversation> record(tally& into) {
    conversation heard;
    probe_service object;
    rpc::service_table offers;
    offers.add<probe>(object);
    auto near_client = make_memory_stream_pair();
    auto near_server = make_memory_stream_pair();
    task_scope relays;
    {
        rpc::connection server(any_stream(std::move(near_server.first)), offers);
        rpc::connection client(any_stream(std::move(near_client.first)));
        relays.spawn(relay(near_client.second, near_server.second, heard.from_client));
        relays.spawn(relay(near_server.second, near_client.second, heard.from_server));
        task_scope calls;
        make_calls(rpc::stub<probe>(client), calls, into);
        co_await calls.join();
        co_await client.drain();
    }
    co_await relays.join();
    co_return heard;
}

bytes beginning(const bytes& of, std::size_t size) {
    return bytes(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace

CO_TEST_CASE("a server whose client goes after any byte ends what it began",
             "[rpc][connection][cut]") {
    tally whole;
    const conversation heard = co_await record(whole);
    REQUIRE(whole.good == calls_made);

    for (std::size_t size = 0; size <= heard.from_client.size(); ++size) {
        raw_client with;
        co_await with.peer.send(beginning(heard.from_client, size));
        if (size % 2 == 0) {
            co_await with.peer.half_close();
        } else {
            with.peer.hang_up();
        }
        co_await with.server.until_down();
        while (with.server.calls_served_now() > 0) co_await yield();

        REQUIRE(with.service.holding == 0);
        REQUIRE(with.server.counters().calls_served <= calls_made);
        REQUIRE(with.server.counters().faults_of_peer == 0);
    }
}

CO_TEST_CASE("calls whose server goes after any byte end once each", "[rpc][connection][cut]") {
    tally whole;
    const conversation heard = co_await record(whole);

    for (std::size_t size = 0; size <= heard.from_server.size(); ++size) {
        raw_server with;
        tally calls_seen;
        task_scope calls;
        make_calls(with.there, calls, calls_seen);
        co_await with.peer.send(beginning(heard.from_server, size));
        if (size % 2 == 0) co_await with.peer.half_close();
        if (size % 2 != 0) with.peer.hang_up();
        co_await with.client.until_down();
        co_await calls.join();

        REQUIRE(calls_seen.ended == calls_made);
        REQUIRE(with.client.calls_made_now() == 0);
    }
}
