// SPDX-License-Identifier: BSL-1.0
//
// Each limit of a server: what trips it, the counter that shows it in conduit.stats, and what is
// said of it with the limit and both sizes, as docs/guide/operating.md has it.
#include "../support/co_test.hpp"
#include "../support/raw_peer.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace every_limit_test {

class spender {
public:
    virtual ~spender() = default;
    virtual conduit::task<void> hold() = 0;
    /// Keeps the loop for so many microseconds.
    virtual conduit::task<void> spin(std::uint32_t microseconds) = 0;
    virtual conduit::task<void> take(std::vector<std::string> words) = 0;
    virtual conduit::task<void> keep(std::vector<conduit::unique_fd> files) = 0;
};
CONDUIT_INTERFACE(spender, "test.spender", hold, spin, take, keep)

}  // namespace every_limit_test

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;
using namespace every_limit_test;
using namespace std::chrono_literals;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

class spending_service final : public spender {
public:
    task<void> hold() override { co_await never_.wait(); }
    task<void> spin(std::uint32_t microseconds) override {
        const auto until = clock::now() + std::chrono::microseconds(microseconds);
        while (clock::now() < until) continue;
        co_return;
    }
    task<void> take(std::vector<std::string> /*words*/) override { co_return; }
    task<void> keep(std::vector<unique_fd> /*files*/) override { co_return; }

private:
    event never_;
};

/// A server that is to reach one of its limits, and its log.
class tripped {
public:
    tripped(const temp_dir& folder, rpc::server_options options)
        : path(folder.path("s")), server(std::move(options)) {
        server.offer<spender>(object_);
    }

    /// One that the server trusts with all it has.
    raw_peer& join(raw_peer::hearing with = raw_peer::hearing::hears) {
        auto ends = make_memory_stream_pair();
        server.serve(any_stream(std::move(ends.first)));
        peers_.push_back(std::make_unique<raw_peer>(any_stream(std::move(ends.second)), with));
        return *peers_.back();
    }
    /// One user's.
    task<raw_peer*> connect() {
        auto socket = co_await unix_stream::connect(path);
        any_stream stream(std::move(socket.value()));
        peers_.push_back(std::make_unique<raw_peer>(std::move(stream)));
        co_return peers_.back().get();
    }
    task<void> listen() { co_await server.listen("unix:" + path); }

    std::uint64_t hits(limit which) const {
        return server.stats().limits.at(std::string(to_string(which)));
    }
    task<void> until_hit(limit which) {
        while (hits(which) == 0) co_await settle();
    }

private:
    spending_service object_;

public:
    const std::string path;
    rpc::server server;

private:
    std::vector<std::unique_ptr<raw_peer>> peers_;
};

std::string told(const raw_peer& peer) {
    return peer.goaway ? peer.goaway->text : std::string("nothing");
}

std::string last_answer(const raw_peer& peer) { return first_string(peer.ends.back().message); }

bytes repeated(const bytes& what, std::size_t times) {
    bytes all;
    all.reserve(what.size() * times);
    for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), what.begin(), what.end());
    return all;
}

bytes call(std::uint32_t stream, std::string_view name, std::string_view message = "") {
    return open_frame(stream, 0, {.name = name, .message = message});
}

// --- one for each limit: trips it, and yields what is said of it ---

using trip = task<std::string> (*)(tripped&);

/// What the peer is told that sends this.
task<std::string> told_for(tripped& with, bytes sent) {
    raw_peer& peer = with.join();
    co_await peer.send(std::move(sent));
    co_await peer.until_told_off();
    co_return told(peer);
}

/// The last of so many answers to this.
task<std::string> answer_to(tripped& with, bytes sent, std::size_t answers = 1) {
    raw_peer& peer = with.join();
    co_await peer.send(std::move(sent));
    co_await peer.until_ends(answers);
    co_return last_answer(peer);
}

task<std::string> too_many_connections(tripped& with) {
    raw_peer& first = with.join();
    co_await first.until_greeted();
    raw_peer& second = with.join();
    co_await second.until_told_off();
    co_return told(second);
}

task<std::string> too_many_of_a_user(tripped& with) {
    co_await with.listen();
    raw_peer* first = co_await with.connect();
    bytes hello = greeting();
    co_await first->send(std::move(hello));
    co_await first->until_greeted();
    raw_peer* second = co_await with.connect();
    co_await second->until_told_off();
    co_return told(*second);
}

task<std::string> too_many_strangers(tripped& with) {
    co_await with.listen();
    co_await with.connect();
    co_await with.connect();
    co_await with.until_hit(limit::strangers_max);
    co_return std::string();
}

task<std::string> too_many_calls(tripped& with) {
    return answer_to(with, joined({greeting(), call(0, "test.spender/hold"), call(1, "")}));
}

task<std::string> too_long_a_queue(tripped& with) {
    bytes sent = greeting();
    for (std::uint32_t i = 0; i < 60; ++i) {
        const std::string time = encoded_number(3000);
        sent = joined({sent, call(i, i == 0 ? "test.spender/spin" : "", time)});
    }
    return answer_to(with, std::move(sent), 60);
}

task<std::string> too_much_memory(tripped& with) {
    const open_parts parts{.name = "test.spender/take", .size = 200'000, .message = "begins"};
    return answer_to(with, joined({greeting(), open_frame(0, 0, parts)}));
}

task<std::string> too_many_handles_held(tripped& with) {
    auto ends = make_unix_pair().value();
    with.server.serve(any_stream(std::move(ends.first)));
    raw_peer peer{any_stream(std::move(ends.second))};
    bytes hello = greeting();
    co_await peer.send(std::move(hello));
    const std::string two = encoded_number(2) + std::string(8, '\0');
    std::vector<unique_fd> handles;
    for (int i = 0; i < 2; ++i) {
        handles.push_back(unique_fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
    }
    bytes sent = open_frame(0, 0, {.name = "test.spender/keep", .message = two}, 2);
    co_await peer.send_with(std::move(sent), std::move(handles));
    co_await peer.until_ends(1);
    co_return last_answer(peer);
}

task<std::string> too_long_arguments(tripped& with) { return too_much_memory(with); }

task<std::string> too_large_when_decoded(tripped& with) {
    const std::string words = encoded_number(60'000) + std::string(240'000, '\0');
    const auto size = static_cast<std::uint32_t>(words.size());
    const std::string_view all = words;
    bytes sent = joined({greeting(), open_frame(0, 0,
                                                {.name = "test.spender/take",
                                                 .size = size,
                                                 .message = all.substr(0, piece_max)})});
    for (std::size_t at = piece_max; at < all.size(); at += piece_max) {
        const bool is_last = at + piece_max >= all.size();
        const std::uint8_t flags = flag::message | (is_last ? flag::fin : flag::more);
        sent = joined({sent, data_frame(0, flags, all.substr(at, piece_max))});
    }
    return answer_to(with, std::move(sent));
}

/// Who reads nothing is told nothing: it is in the log.
task<std::string> too_much_output(tripped& with) {
    raw_peer& peer = with.join(raw_peer::hearing::deaf);
    const bytes many = repeated(open_frame(0, 9, {}), 200);
    bytes hello = joined({greeting(), open_frame(0, 9, {.name = "no/such"})});
    co_await peer.send(std::move(hello));
    while (with.hits(limit::output_max) == 0) {
        co_await peer.send(many);
        co_await yield();
    }
    co_await with.server.until_left();
    co_return std::string();
}

task<std::string> too_many_handles(tripped& with) {
    return told_for(with, joined({greeting(), open_frame(0, 0, {.name = "test.spender/keep"}, 2)}));
}

task<std::string> too_long_a_frame(tripped& with) {
    const frame_header header{200'000, frame_type::ping, 0, 0, 0, 0};
    bytes head(frame_header_size);
    put_header(head.data(), header);
    return told_for(with, joined({greeting(), head}));
}

task<std::string> no_greeting(tripped& with) { return told_for(with, bytes(1, greeting()[0])); }

task<std::string> half_a_frame(tripped& with) {
    const std::string text(100, 'x');
    bytes half = call(0, "test.spender/hold", text);
    half.resize(half.size() / 2);
    return told_for(with, joined({greeting(), half}));
}

task<std::string> too_many_cancels(tripped& with) {
    const bytes cancel = raw_frame({0, frame_type::cancel, 0, 0, 0, 1});
    return told_for(with, joined({greeting(), repeated(cancel, 1100)}));
}

task<std::string> too_many_pings(tripped& with) {
    const bytes ping = raw_frame({0, frame_type::ping, 0, 0, 0, 0}, bytes(8));
    return told_for(with, joined({greeting(), repeated(ping, 1100)}));
}

task<std::string> too_many_glitches(tripped& with) {
    const bytes credit = raw_frame({0, frame_type::credit, 0, 0, 3, 1});
    return told_for(with, joined({greeting(), repeated(credit, 10'600)}));
}

struct tripping {
    limit which;
    rpc::server_options options;
    trip attack;
    std::vector<std::string> words;  // of the text, or of the log's
};

rpc::server_options each(const rpc::connection_options& limits) {
    return rpc::server_options().each(limits);
}

std::vector<tripping> all_limits() {
    using server = rpc::server_options;
    using link = rpc::connection_options;
    return {
        {limit::connections_max,
         server().connections_max(1),
         &too_many_connections,
         {"there are 1 connections, of at most 1 (connections_max)"}},
        {limit::connections_per_user_max,
         server().connections_per_user_max(1),
         &too_many_of_a_user,
         {"has 1 connections, of at most 1 (connections_per_user_max)"}},
        {limit::strangers_max, server().strangers_max(1), &too_many_strangers, {}},
        {limit::calls_max,
         server().calls_max(1),
         &too_many_calls,
         {"test.spender/hold: 1 of 1 calls are under way by all connections (calls_max)"}},
        {limit::queue_target,
         server().queue_target(1ms),
         &too_long_a_queue,
         {"the call has waited for ", " ms, where 1 ms are wanted (queue_target)"}},
        {limit::memory_max,
         each(link().memory_max(150'000)),
         &too_much_memory,
         {"arguments of 200000 bytes do not fit: 0 of 150000 bytes are in use (memory_max)"}},
        {limit::handles_held_max,
         each(link().handles_held_max(1)),
         &too_many_handles_held,
         {"2 more handles: 0 of 1 open handles are held (handles_held_max)"}},
        {limit::message_max,
         each(link().message_max(65'536)),
         &too_long_arguments,
         {"arguments of 200000 bytes, where at most 65536 are taken (message_max)"}},
        {limit::decoded_max,
         each(link().memory_max(400'000)),
         &too_large_when_decoded,
         {"test.spender/take", "1920016 bytes, but the limit is 400000"}},
        {limit::output_max,
         each(link().output_max(65'536)),
         &too_much_output,
         {" bytes wait to be read by the peer, of at most 131072 (output_max)"}},
        {limit::handles_max, server(), &too_many_handles, {"2 handles are above handles_max 0"}},
        {limit::frame_max, server(), &too_long_a_frame, {"200000", "147456"}},
        {limit::greeting_within,
         each(link().greeting_within(20ms)),
         &no_greeting,
         {"no greeting came within 20 ms (greeting_within)"}},
        {limit::progress_within,
         each(link().progress_within(20ms)),
         &half_a_frame,
         {"a frame has been on its way for 20 ms (progress_within)"}},
        {limit::cancels, server(), &too_many_cancels, {"more calls are cancelled than 1000"}},
        {limit::pings, server(), &too_many_pings, {"more pings than 1000 and 33 a second"}},
        {limit::glitches,
         server(),
         &too_many_glitches,
         {"more frames about no call than 10000 and 330 a second"}},
    };
}

task<std::string> trip_one(const tripping& of) {
    const temp_dir folder;
    tripped with(folder, of.options);
    auto said = co_await of.attack(with);
    CHECK(with.hits(of.which) >= 1);
    co_return said;
}

}  // namespace

TEST_CASE("each limit is counted by its name, and told with the limit and both sizes",
          "[rpc][limit][stats]") {
    std::set<limit> tried;
    for (const tripping& one : all_limits()) {
        tried.insert(one.which);
        for (const backend_kind kind : kernel_backends()) {
            std::string said;
            const auto log = [&](log_level, std::string_view line) { said += line; };
            scheduler sched(scheduler_options().backend(kind).log(log));
            said += sched.run(trip_one(one));
            INFO(to_string(one.which) << ": " << said);
            for (const std::string& words : one.words) CHECK_THAT(said, Catch::Contains(words));
        }
    }
    REQUIRE(tried.size() == limit_count);
}
