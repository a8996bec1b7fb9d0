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
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace every_limit_test {

struct nest {
    std::vector<nest> inside;
};

class spender {
public:
    virtual ~spender() = default;
    virtual conduit::task<void> hold() = 0;
    /// Keeps the loop for so many microseconds of virtual time.
    virtual conduit::task<void> spin(std::uint32_t microseconds) = 0;
    virtual conduit::task<void> take(std::vector<std::string> words) = 0;
    virtual conduit::task<void> keep(std::vector<conduit::unique_fd> files) = 0;
    virtual conduit::task<conduit::unique_fd> give() = 0;
    virtual conduit::task<void> dig(nest what) = 0;
    virtual conduit::task<void> count(std::vector<std::optional<std::uint8_t>> grains) = 0;
    virtual conduit::task<void> index(std::unordered_set<std::uint64_t> keys) = 0;
    virtual conduit::task<void> drop(conduit::stream<nest> nests) = 0;
};
CONDUIT_INTERFACE(spender, "test.spender", hold, spin, take, keep, give, dig, count, index, drop)

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
        auto& simulated = dynamic_cast<sim_kernel&>(current_kernel());
        simulated.advance_to(clock::now() + std::chrono::microseconds(microseconds));
        co_return;
    }
    task<void> take(std::vector<std::string> /*words*/) override { co_return; }
    task<void> keep(std::vector<unique_fd> /*files*/) override { co_return; }
    task<unique_fd> give() override {
        co_return unique_fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    }
    task<void> dig(nest /*what*/) override { co_return; }
    task<void> count(std::vector<std::optional<std::uint8_t>> /*grains*/) override { co_return; }
    task<void> index(std::unordered_set<std::uint64_t> /*keys*/) override { co_return; }
    task<void> drop(stream<nest> nests) override {
        while (auto each = co_await nests.next()) continue;
    }

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
        return server.stats().limits.at(std::string(to_string(which))) + of_caller.hits(which);
    }
    task<void> until_hit(limit which) {
        while (hits(which) == 0) co_await settle();
    }

private:
    spending_service object_;

public:
    const std::string path;
    rpc::server server;
    call_statistics of_caller;  // what a connection counts that is no server's

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

/// One that says nothing, and one that says too little.
task<std::string> too_many_strangers(tripped& with) {
    co_await with.listen();
    raw_peer* silent = co_await with.connect();
    raw_peer* slow = co_await with.connect();
    bytes part(1, greeting()[0]);
    co_await slow->send(std::move(part));
    co_await silent->until_told_off();
    co_await with.connect();
    co_await slow->until_told_off();
    co_return told(*silent) == told(*slow) ? told(*slow) : std::string("not the same");
}

task<std::string> too_many_refusals(tripped& with) {
    std::vector<raw_peer*> all;
    for (int i = 0; i < 66; ++i) all.push_back(&with.join());
    co_await all[1]->until_told_off();
    co_await all.back()->until_told_off();
    co_return told(*all[1]) + "; the last one heard " + told(*all.back());
}

task<std::string> too_high_a_number(tripped& with) {
    return told_for(with, joined({greeting(), call(128, "test.spender/hold")}));
}

task<std::string> too_many_calls(tripped& with) {
    return answer_to(with, joined({greeting(), call(0, "test.spender/hold"), call(1, "")}));
}

/// What is said of each call that is refused; those served have nothing to say.
task<std::string> too_long_a_queue(tripped& with) {
    // Many and quick, so that those that wait are looked at often, in whatever order tasks go on.
    constexpr std::uint32_t calls = 2000;
    const std::string time = encoded_number(20);
    bytes sent = greeting();
    for (std::uint32_t i = 0; i < calls; ++i) {
        const bytes next = call(i, i == 0 ? "test.spender/spin" : "", time);
        sent.insert(sent.end(), next.begin(), next.end());
    }
    raw_peer& peer = with.join();
    co_await peer.send(std::move(sent));
    co_await peer.until_ends(calls);
    std::string said;
    for (const auto& end : peer.ends) said += first_string(end.message);
    co_return said;
}

task<std::string> too_much_memory(tripped& with) {
    const open_parts parts{.name = "test.spender/take", .size = 200'000, .message = "begins"};
    return answer_to(with, joined({greeting(), open_frame(0, 0, parts)}));
}

std::vector<unique_fd> open_files(std::size_t count) {
    std::vector<unique_fd> files;
    while (files.size() < count) {
        files.push_back(unique_fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
    }
    return files;
}

task<std::string> too_many_handles_held(tripped& with) {
    auto ends = make_unix_pair().value();
    with.server.serve(any_stream(std::move(ends.first)));
    raw_peer peer{any_stream(std::move(ends.second))};
    bytes hello = greeting();
    co_await peer.send(std::move(hello));
    const std::string two = encoded_number(2) + std::string(8, '\0');
    bytes sent = open_frame(0, 0, {.name = "test.spender/keep", .message = two}, 2);
    co_await peer.send_with(std::move(sent), open_files(2));
    co_await peer.until_ends(1);
    co_return last_answer(peer);
}

/// To one that does not read before the second answer has failed.
task<std::string> too_many_handles_given(tripped& with) {
    auto ends = make_unix_pair().value();
    with.server.serve(any_stream(std::move(ends.first)));
    const bytes sent = joined({greeting(16), call(0, "test.spender/give"), call(1, "")});
    auto written = co_await write_all(ends.second, sent);
    co_await with.until_hit(limit::handles_given_max);
    raw_peer peer{any_stream(std::move(ends.second))};
    co_await peer.until_ends(2);
    co_return written ? last_answer(peer) : std::string("not sent");
}

task<std::string> too_long_arguments(tripped& with) { return too_much_memory(with); }

/// By default. The connection is kept: it serves the next call.
task<std::string> longer_than_the_default(tripped& with) {
    const open_parts parts{
        .name = "test.spender/take", .size = 4 * 1024 * 1024 + 1, .message = "begins"};
    const std::string none = encoded_number(0);
    raw_peer& peer = with.join();
    bytes sent = joined({greeting(), open_frame(0, 0, parts), call(1, "", none)});
    co_await peer.send(std::move(sent));
    co_await peer.until_ends(2);
    const bool is_kept = !peer.goaway && peer.ends.back().status == 0;
    co_return first_string(peer.ends.front().message) + (is_kept ? "; the next is served" : "");
}

/// What is longer than any side may take.
task<std::string> longer_than_can_be(tripped& with) {
    const open_parts parts{
        .name = "test.spender/take", .size = 64 * 1024 * 1024 + 1, .message = "begins"};
    return told_for(with, joined({greeting(), open_frame(0, 0, parts)}));
}

/// A call whose arguments go in pieces.
bytes long_call(std::string_view name, std::string_view all) {
    const auto size = static_cast<std::uint32_t>(all.size());
    bytes sent =
        open_frame(0, 0, {.name = name, .size = size, .message = all.substr(0, piece_max)});
    for (std::size_t at = piece_max; at < all.size(); at += piece_max) {
        const bool is_last = at + piece_max >= all.size();
        const std::uint8_t flags = flag::message | (is_last ? flag::fin : flag::more);
        const bytes next = data_frame(0, flags, all.substr(at, piece_max));
        sent.insert(sent.end(), next.begin(), next.end());
    }
    return sent;
}

task<std::string> too_large_when_decoded(tripped& with) {
    const std::string words = encoded_number(60'000) + std::string(240'000, '\0');
    return answer_to(with, joined({greeting(), long_call("test.spender/take", words)}));
}

std::string nested(std::uint32_t depth) {
    // A struct is its length and its fields; here one vector with one element.
    std::string inner = encoded_number(4) + encoded_number(0);
    for (std::uint32_t i = 1; i < depth; ++i) {
        const std::string vector = encoded_number(1) + inner;
        inner = encoded_number(static_cast<std::uint32_t>(vector.size())) + vector;
    }
    return inner;
}

task<std::string> too_deep(tripped& with) {
    const std::string deep = nested(40);
    return answer_to(with, joined({greeting(), call(0, "test.spender/dig", deep)}));
}

task<std::string> too_deep_an_item(tripped& with) {
    const std::string deep = nested(40);
    open_parts parts{.name = "test.spender/drop"};
    parts.fin = false;
    return answer_to(with, joined({greeting(), open_frame(0, 0, parts),
                                   data_frame(0, flag::message | flag::fin, deep)}));
}

task<std::string> too_many_elements(tripped& with) {
    constexpr std::uint32_t many = 1'000'001;
    const std::string grains = encoded_number(many) + std::string(many, '\0');
    return answer_to(with, joined({greeting(), long_call("test.spender/count", grains)}));
}

task<std::string> too_many_collisions(tripped& with) {
    constexpr std::uint32_t many = 50'000;
    std::unordered_set<std::uint64_t> sized;
    sized.reserve(many);
    std::string keys = encoded_number(many);
    for (std::uint64_t i = 0; i < many; ++i) {
        std::array<std::byte, 8> key{};
        put_u64(key.data(), i * sized.bucket_count());
        for (const std::byte each : key) keys += static_cast<char>(each);
    }
    return answer_to(with, joined({greeting(), long_call("test.spender/index", keys)}));
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

/// Ahead of a frame of which the header does not come in full.
task<std::string> too_many_handles_waiting(tripped& with) {
    auto ends = make_unix_pair().value();
    with.server.serve(any_stream(std::move(ends.first)));
    raw_peer peer{any_stream(std::move(ends.second))};
    bytes hello = greeting();
    co_await peer.send(std::move(hello));
    const bytes whole = open_frame(0, 0, {.name = "test.spender/keep"}, 16);
    for (std::size_t at = 0; at < 5; ++at) {
        bytes part(1, whole[at]);
        co_await peer.send_with(std::move(part), open_files(16));
    }
    co_await peer.until_told_off();
    co_return told(peer);
}

/// A socket, where such are not let in.
task<std::string> a_wrong_handle(tripped& with) {
    auto ends = make_unix_pair().value();
    with.server.serve(any_stream(std::move(ends.first)));
    raw_peer peer{any_stream(std::move(ends.second))};
    std::vector<unique_fd> handles;
    handles.push_back(unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    bytes sent = joined({greeting(), open_frame(0, 0, {.name = "test.spender/keep"}, 1)});
    co_await peer.send_with(std::move(sent), std::move(handles));
    co_await peer.until_told_off();
    co_return told(peer);
}

task<std::string> too_much_metadata(tripped& with) {
    const std::string pairs(9000, 'x');
    const open_parts parts{.name = "test.spender/hold", .metadata = pairs};
    return told_for(with, joined({greeting(), open_frame(0, 0, parts)}));
}

task<std::string> too_long_a_frame(tripped& with) {
    const frame_header header{200'000, frame_type::ping, 0, 0, 0, 0};
    bytes head(frame_header_size);
    put_header(head.data(), header);
    return told_for(with, joined({greeting(), head}));
}

task<std::string> no_greeting(tripped& with) { return told_for(with, bytes(1, greeting()[0])); }

/// Over a Unix socket, where a server waits for the first byte to learn who sent it.
task<std::string> not_a_byte(tripped& with) {
    co_await with.listen();
    raw_peer* silent = co_await with.connect();
    co_await silent->until_told_off();
    const bool is_told = silent->goaway && silent->goaway->reason == goaway_reason::timeout;
    co_return is_told ? "GOAWAY(timeout): " + told(*silent) : "no GOAWAY(timeout)";
}

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

/// It reads, and answers no PING.
task<std::string> no_sign_of_life(tripped& with) { return told_for(with, greeting()); }

/// The same, and it wants to be heard of once in seven weeks.
task<std::string> hardly_a_sign_of_life(tripped& with) {
    wire_settings said;
    said.keep_alive_ms = 0xffff'ffff;
    return told_for(with, make_greeting(said));
}

/// Told to go, it reads all there is, and stays.
task<std::string> no_farewell(tripped& with) {
    raw_peer& peer = with.join();
    const bytes wrong = raw_frame({0, static_cast<frame_type>(77), 0, 0, 0, 0});
    bytes sent = joined({greeting(), wrong});
    co_await peer.send(std::move(sent));
    co_await peer.until_told_off();
    const bool early = with.hits(limit::linger) != 0;
    co_await with.until_hit(limit::linger);
    co_return early ? "too early" : told(peer);
}

/// A caller's peer: it answers neither the call nor the PING.
task<std::string> no_answer_at_all(tripped& with) {
    auto ends = make_memory_stream_pair();
    connection_terms terms;
    terms.statistics = &with.of_caller;
    const rpc::service_table nothing;
    rpc::connection link(any_stream(std::move(ends.first)), nothing, std::move(terms));
    raw_peer peer(any_stream(std::move(ends.second)));
    bytes hello = greeting();
    co_await peer.send(std::move(hello));
    co_await link.until_greeted();
    rpc::stub<spender> there(link);
    auto late = co_await rpc::try_call(within(5ms, there.hold()));
    static_cast<void>(late);
    co_await peer.until_told_off();
    co_return told(peer);
}

struct tripping {
    limit which;
    rpc::server_options options;
    trip attack;
    std::vector<std::string> words;  // of the text, or of the log's
    std::vector<backend_kind> where = kernel_backends();
};

/// For what takes long, or depends on how long it takes.
const std::vector<backend_kind> virtual_time{backend_kind::sim};

rpc::server_options each(const rpc::connection_options& limits) {
    return rpc::server_options().each(limits);
}

std::vector<tripping> limits_on_connections() {
    using server = rpc::server_options;
    return {
        {limit::connections_max,
         server().connections_max(1),
         &too_many_connections,
         {"there are 1 connections, of at most 1 (connections_max)"}},
        {limit::connections_per_user_max,
         server().connections_per_user_max(1),
         &too_many_of_a_user,
         {"has 1 connections, of at most 1 (connections_per_user_max)"}},
        {limit::strangers_max,
         server().strangers_max(1),
         &too_many_strangers,
         {"1 connections have not greeted, of at most 1, and this one is the oldest "
          "(strangers_max)",
          "unix:"}},
        {limit::refusals,
         server().connections_max(1),
         &too_many_refusals,
         {"of at most 1 (connections_max); the last one heard nothing"}},
    };
}

std::vector<tripping> limits_on_use() {
    using server = rpc::server_options;
    using link = rpc::connection_options;
    return {
        {limit::calls_max,
         server(),
         &too_high_a_number,
         {"stream 128 of a call that its sender opened is not below calls_max 128"}},
        {limit::calls_max,
         server().calls_max(1),
         &too_many_calls,
         {"test.spender/hold: 1 of 1 calls are under way by all connections (calls_max)"}},
        {limit::queue_target,
         each(link().calls_max(2000)).queue_target(1ms),
         &too_long_a_queue,
         {"the call has waited for ", " ms, where 1 ms are wanted (queue_target)"},
         virtual_time},
        {limit::memory_max,
         each(link().memory_max(150'000)),
         &too_much_memory,
         {"arguments of 200000 bytes do not fit: 0 of 150000 bytes are in use (memory_max)"}},
        {limit::handles_held_max,
         each(link().handles_held_max(1)),
         &too_many_handles_held,
         {"2 more handles: 0 of 1 open handles are held (handles_held_max)"}},
        {limit::handles_given_max,
         each(link().handles_given_max(1).progress_within(20ms)),
         &too_many_handles_given,
         {"test.spender/give: its result brings handles, where 1 of 1 open handles were given and "
          "are not received (handles_given_max), and no more for 20 ms (progress_within)"}},
        {limit::output_max,
         each(link().output_max(65'536)),
         &too_much_output,
         {" bytes wait to be read by the peer, of at most 131072 (output_max)"}},
    };
}

std::vector<tripping> limits_on_messages() {
    using server = rpc::server_options;
    using link = rpc::connection_options;
    return {
        {limit::message_max,
         each(link().message_max(65'536)),
         &too_long_arguments,
         {"arguments of 200000 bytes, where at most 65536 are taken (message_max)"}},
        {limit::message_max,
         server(),
         &longer_than_the_default,
         {"arguments of 4194305 bytes, where at most 4194304 are taken (message_max); "
          "the next is served"}},
        {limit::frame_max,
         server(),
         &longer_than_can_be,
         {"a message of 67108865 bytes, where message_max is 67108864 at most"}},
        {limit::decoded_max,
         each(link().memory_max(400'000)),
         &too_large_when_decoded,
         {"test.spender/take", "1920016 bytes, but the limit is 400000", "(decoded_max)"}},
        {limit::decoded_max,
         server(),
         &too_deep,
         {"test.spender/dig", "a struct lies 33 deep, but the limit is 32", "(decoded_max)"}},
        {limit::decoded_max,
         server(),
         &too_deep_an_item,
         {"test.spender/drop: an item", "lies 33 deep, but the limit is 32", "(decoded_max)"}},
        {limit::decoded_max,
         server(),
         &too_many_elements,
         {"brings the elements to 1000001, but the limit is 1000000", "(decoded_max)"}},
        {limit::decoded_max,
         server(),
         &too_many_collisions,
         {"compares its keys ", " times, more than the ", "(decoded_max)"}},
        {limit::frame_max, server(), &too_long_a_frame, {"200000", "147456"}},
        {limit::frame_max,
         server(),
         &too_much_metadata,
         {"metadata of 9000 bytes; at most 8192 are allowed"}},
    };
}

std::vector<tripping> limits_on_manners() {
    using server = rpc::server_options;
    using link = rpc::connection_options;
    return {
        {limit::handles_max, server(), &too_many_handles, {"2 handles are above handles_max 0"}},
        {limit::handles_max,
         each(link().handles_held_max(256)).handles_held_max(1024),
         &too_many_handles_waiting,
         {"80 handles wait for their frames, of at most 64 (handles_max)"}},
        {limit::handles, server(), &a_wrong_handle, {"handles are not let in: "}},
        {limit::greeting_within,
         each(link().greeting_within(20ms)),
         &no_greeting,
         {"no greeting came within 20 ms (greeting_within)"}},
        {limit::greeting_within,
         each(link().greeting_within(20ms)),
         &not_a_byte,
         {": a connection ended: 'no greeting came within 20 ms (greeting_within)",
          "GOAWAY(timeout): no greeting came within 20 ms (greeting_within)"}},
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
        {limit::keep_alive,
         each(link().keep_alive(10s)),
         &no_sign_of_life,
         {"nothing was heard of the peer for 30000 ms, nor a PONG, where it is to be heard of "
          "every 10000 ms (keep_alive)"},
         virtual_time},
        {limit::keep_alive,
         each(link().keep_alive(10s)),
         &hardly_a_sign_of_life,
         {"for 10800000 ms, nor a PONG, where it is to be heard of every 3600000 ms (keep_alive)"},
         virtual_time},
        {limit::keep_alive,
         each(link().keep_alive(2h)),
         &hardly_a_sign_of_life,
         {"where it is to be heard of every 7200000 ms (keep_alive)"},
         virtual_time},
        {limit::linger, server(), &no_farewell, {"type 77"}, virtual_time},
        {limit::unanswered,
         server(),
         &no_answer_at_all,
         {"of 1 calls that were given up one got no END for 30000 ms, nor a PING a PONG for as "
          "long (unanswered)"},
         virtual_time},
    };
}

std::vector<tripping> all_limits() {
    std::vector<tripping> all;
    for (const auto part :
         {&limits_on_connections, &limits_on_use, &limits_on_messages, &limits_on_manners}) {
        for (tripping& each : part()) all.push_back(std::move(each));
    }
    return all;
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
        for (const backend_kind kind : one.where) {
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
