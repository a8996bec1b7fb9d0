// SPDX-License-Identifier: BSL-1.0
//
// Results with handles, and peers that do not read them: how long they wait, and whom they hold up.
#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/queries.hpp"
#include "../support/raw_peer.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/address.hpp>
#include <conduit/channels/connect.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace server_handles_test {

class opener {
public:
    virtual ~opener() = default;
    virtual conduit::task<conduit::unique_fd> open() = 0;
    virtual conduit::stream<conduit::unique_fd> open_many(std::uint32_t count) = 0;
    virtual conduit::task<std::uint32_t> plain(std::uint32_t number) = 0;
};
CONDUIT_INTERFACE(opener, "test.opener", open, open_many, plain)

}  // namespace server_handles_test

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;
using namespace server_handles_test;
using namespace std::chrono_literals;

namespace {

class opening_service final : public opener {
public:
    task<unique_fd> open() override { co_return one(); }
    stream<unique_fd> open_many(std::uint32_t count) override {
        const std::uint32_t all = count;
        for (std::uint32_t i = 0; i < all; ++i) {
            unique_fd next = one();
            co_yield std::move(next);
        }
    }
    task<std::uint32_t> plain(std::uint32_t number) override { co_return number; }

private:
    static unique_fd one() { return std::move(current_kernel().make_pipe().value().first); }
};

constexpr std::size_t enough = 100;

rpc::server_options giving(std::size_t all, rpc::connection_options each) {
    rpc::server_options options;
    options.handles_given_max(all).each(std::move(each));
    return options;
}

rpc::connection_options each(std::uint32_t most) {
    return rpc::connection_options().handles_given_max(most);
}

/// A server at a path, and who connects without reading.
class opening_place {
public:
    explicit opening_place(rpc::server_options options)
        : path(folder_.path("s")), server(std::move(options)) {
        server.offer<opener>(object_);
    }

    task<> listen() { co_await server.listen("unix:" + path); }
    task<unix_stream> connect() const {
        auto made = co_await unix_stream::connect(path);
        co_return std::move(made.value());
    }
    /// How many calls have ended.
    std::uint64_t answered() const {
        std::uint64_t all = 0;
        for (const rpc::method_stats& each : server.stats().methods) all += each.ended();
        return all;
    }
    /// Bytes, on the way to whoever reads them.
    std::uint64_t sent() const { return server.stats().bytes_sent; }
    std::uint64_t hits() const { return server.stats().limits.at("handles_given_max"); }

private:
    const temp_dir folder_;
    opening_service object_;

public:
    const std::string path;
    rpc::server server;
};

bytes call(std::uint32_t stream, std::string_view name, std::string_view message = "") {
    return open_frame(stream, 0, {.name = name, .message = message});
}

/// Of open(), so many times.
bytes calls(std::uint32_t count) {
    bytes sent = joined({greeting(16), call(0, "test.opener/open")});
    for (std::uint32_t i = 1; i < count; ++i) sent = joined({sent, call(i, "")});
    return sent;
}

task<bool> is_opened(opener& at) {
    auto made = co_await rpc::try_call(at.open());
    co_return made.has_value();
}

}  // namespace

CO_TEST_CASE("results that bring handles wait for a peer to read, and other results do not",
             "[rpc][server][handles]") {
    opening_place there(giving(enough, each(1)));
    co_await there.listen();
    auto socket = co_await there.connect();
    const std::string number = encoded_number(7);
    bytes plain = open_frame(2, 1, {.name = "test.opener/plain", .message = number});
    const bytes sent = joined({calls(2), plain});
    auto written = co_await write_all(socket, sent);
    while (there.answered() < 2) co_await come_round();
    raw_peer late{any_stream(std::move(socket))};
    co_await late.until_ends(3);
    REQUIRE(written);
    REQUIRE(late.ends.back().stream != 2);
    REQUIRE(late.ends.back().status == 0);
    REQUIRE(there.hits() == 0);
}

CO_TEST_CASE("a result whose handles nobody makes room for fails alone, and says why",
             "[rpc][server][handles][limit]") {
    opening_place there(giving(enough, each(2).progress_within(50ms)));
    co_await there.listen();
    auto socket = co_await there.connect();
    const bytes sent = calls(3);
    auto written = co_await write_all(socket, sent);
    while (there.hits() == 0) co_await come_round();
    raw_peer late{any_stream(std::move(socket))};
    co_await late.until_ends(3);
    bytes again = call(0, "");
    co_await late.send(std::move(again));
    co_await late.until_ends(4);
    REQUIRE(written);
    REQUIRE(first_string(late.ends.at(2).message) ==
            "test.opener/open: its result brings handles, where 2 of 2 open handles were given and "
            "are not received (handles_given_max), and no more for 50 ms (progress_within)");
    REQUIRE(late.ends.at(2).status == static_cast<std::uint32_t>(rpc::status::resource_exhausted));
    REQUIRE(late.ends.at(3).status == 0);
    REQUIRE_FALSE(late.goaway);
}

CO_TEST_CASE("who ends a connection without reading its handles keeps the charge for them",
             "[rpc][server][handles][fault]") {
    // Of the two a user has one.
    opening_place there(giving(2, each(64).progress_within(50ms)));
    co_await there.listen();
    auto socket = co_await there.connect();
    const bytes hello = greeting(16);
    auto greeted = co_await write_all(socket, hello);
    while (there.sent() == 0) co_await come_round();
    const std::uint64_t before = there.sent();
    const bytes asks = call(0, "test.opener/open");
    auto written = co_await write_all(socket, asks);
    while (there.sent() == before) co_await come_round();
    auto ended = co_await socket.close_writing();
    auto next = co_await there.connect();
    raw_peer second{any_stream(std::move(next))};
    bytes asked = calls(1);
    co_await second.send(std::move(asked));
    co_await second.until_ends(1);
    const std::string text = first_string(second.ends.at(0).message);
    const auto hits = there.hits();
    const std::size_t connections = there.server.stats().connections_now;
    auto closed = co_await socket.handle().close_and_wait();
    bytes once_more = call(0, "");
    co_await second.send(std::move(once_more));
    co_await second.until_ends(2);
    REQUIRE(greeted);
    REQUIRE(written);
    REQUIRE(ended);
    REQUIRE(closed);
    REQUIRE(connections == 1);
    REQUIRE(hits == 1);
    REQUIRE(text.find("1 of 1 open handles were given and are not received by user ") !=
            std::string::npos);
    REQUIRE(second.ends.at(1).status == 0);
}

CO_TEST_CASE("a peer says that it takes handles where none can be sent, and gets a fault",
             "[rpc][server][handles][fault]") {
    opening_place there(giving(enough, each(1)));
    auto to = make_pipe().value();
    auto from = make_pipe().value();
    there.server.serve(any_stream(std::move(to.reader), std::move(from.writer)));
    raw_peer by_pipe{any_stream(std::move(from.reader), std::move(to.writer))};
    auto ends = make_memory_stream_pair();
    there.server.serve(any_stream(std::move(ends.first)));
    raw_peer in_memory{any_stream(std::move(ends.second))};
    for (raw_peer* peer : {&by_pipe, &in_memory}) {
        bytes asks = calls(2);
        co_await peer->send(std::move(asks));
        co_await peer->until_ends(2);
        const auto& answer = peer->ends.at(1);
        REQUIRE(answer.status == static_cast<std::uint32_t>(rpc::status::failed_precondition));
        REQUIRE(first_string(answer.message) == "this connection carries no handles");
    }
    by_pipe.hang_up();
    in_memory.hang_up();
    while (there.server.stats().connections_now > 0) co_await come_round();
    REQUIRE(there.hits() == 0);
}

CO_TEST_CASE("a peer over TCP says that it takes handles, and gets a fault",
             "[rpc][server][handles][fault]") {
    if (!test::is_real()) co_return test::skip("no internet sockets in simulation");
    opening_place there(giving(enough, each(1)));
    const address where = co_await there.server.listen("tcp:127.0.0.1:0");
    auto stream = co_await conduit::connect(where);
    raw_peer peer{std::move(stream.value())};
    bytes asks = calls(2);
    co_await peer.send(std::move(asks));
    co_await peer.until_ends(2);
    REQUIRE(first_string(peer.ends.at(1).message) == "this connection carries no handles");
    REQUIRE(there.hits() == 0);
}

CO_TEST_CASE("a peer that reads gets all handles, however few may be on their way",
             "[rpc][server][handles]") {
    opening_place there(giving(enough, each(3)));
    co_await there.listen();
    auto client = co_await rpc::connect<opener>("unix:" + there.path);
    std::vector<child<bool>> asked;
    for (int i = 0; i < 100; ++i) asked.push_back(scope.spawn(is_opened(*client)));
    int made = 0;
    for (auto& each : asked) {
        const bool is_made = co_await each;
        if (is_made) ++made;
    }
    std::uint32_t items = 0;
    auto many = client->open_many(100);
    while (auto next = co_await many.next()) {
        if (next->is_open()) ++items;
    }
    REQUIRE(made == 100);
    REQUIRE(items == 100);
    REQUIRE(there.hits() == 0);
}
