// SPDX-License-Identifier: BSL-1.0
//
// What the peers of a server may do to it, and what becomes of the others meanwhile, over Unix
// sockets, so that each kernel backend carries the bytes. S6 is in server_stall_test.cpp, S9 in
// server_stop_test.cpp, an allocation that fails in server_memory_test.cpp.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fault_backend.hpp"
#include "../support/raw_peer.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/spare_blocks.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace server_fault_test {

struct nest {
    std::vector<nest> inside;
};

class nester {
public:
    virtual ~nester() = default;
    virtual conduit::task<std::uint32_t> depth_of(nest what) = 0;
    virtual conduit::task<std::uint32_t> count_of(std::vector<std::string> words) = 0;
    /// Keeps the loop for so many microseconds.
    virtual conduit::task<void> spin(std::uint32_t microseconds) = 0;
};
CONDUIT_INTERFACE(nester, "test.nester", depth_of, count_of, spin)

}  // namespace server_fault_test

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using namespace server_fault_test;
using rpc::status;
using rpc::detail::frame_type;
using rpc::detail::goaway_reason;

namespace {

class local_nester final : public nester {
public:
    task<std::uint32_t> depth_of(nest what) override {
        co_return static_cast<std::uint32_t>(what.inside.size());
    }
    task<std::uint32_t> count_of(std::vector<std::string> words) override {
        co_return static_cast<std::uint32_t>(words.size());
    }
    task<void> spin(std::uint32_t microseconds) override {
        const auto until = clock::now() + std::chrono::microseconds(microseconds);
        while (clock::now() < until) continue;
        co_return;
    }
};

/// A server with one client that means well.
struct visited_server {
    explicit visited_server(rpc::server_options options = {})
        : visited_server(make_unix_pair().value(), std::move(options)) {}

    rpc::server& server() noexcept { return there.server; }
    std::uint64_t ended_by(goaway_reason reason) const {
        return there.server.counters().ended_by_reason[static_cast<std::size_t>(reason)];
    }

    local_nester nests;
    subject_server there;
    subject_client here;

private:
    visited_server(unix_pair ends, rpc::server_options options)
        : there(std::move(options)), here(any_stream(std::move(ends.second))) {
        there.server.offer<nester>(nests);
        there.server.serve(any_stream(std::move(ends.first)));
    }
};

/// Another one, whose bytes are made by hand.
std::unique_ptr<raw_peer> visit(visited_server& to) {
    auto ends = make_unix_pair().value();
    to.server().serve(any_stream(std::move(ends.first)), "raw");
    return std::make_unique<raw_peer>(any_stream(std::move(ends.second)));
}

/// Sends these bytes and no more, and waits until the server has had enough of it.
task<> say(visited_server& to, bytes what) {
    bytes own = std::move(what);
    const auto peer = visit(to);
    co_await peer->send(std::move(own));
    co_await peer->half_close();
    co_await peer->until_told_off();
}

bytes echo_call() {
    const std::string text = encoded_text("a text");
    return open_frame(0, 0, {.name = "test.subject.v1/echo", .message = text});
}

bytes with_bits(bytes whole, std::size_t first, std::size_t second) {
    whole[first / 8] ^= static_cast<std::byte>(1U << (first % 8));
    if (second != first) whole[second / 8] ^= static_cast<std::byte>(1U << (second % 8));
    return whole;
}

/// What a connection and its peer may take here while it says something wrong: most of it is room
/// to read into.
constexpr long most_for_one_peer = 512 * 1024;

task<> until_left_alone(visited_server& with) {
    while (with.server().connections_now() > 1) co_await settle();
}

}  // namespace

CO_TEST_CASE("S1: malformed and cut frames end their own connection and cost nothing",
             "[rpc][server][fault]") {
    visited_server with;
    co_await with.here->touch();
    const bytes hello = greeting();
    const bytes whole = joined({hello, echo_call()});
    const long before = live_bytes();
    forget_peak();
    std::uint64_t said = 0;
    for (std::size_t size = 0; size < whole.size(); ++size, ++said) {
        bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        co_await say(with, std::move(cut));
    }
    // Each bit of the header and the first bytes behind it, and each pair of bits of the header's
    // first half.
    const std::size_t from = hello.size() * 8;
    for (std::size_t bit = from; bit < from + 32 * 8; ++bit, ++said) {
        co_await say(with, with_bits(whole, bit, bit));
    }
    for (std::size_t first = from; first < from + 64; ++first) {
        for (std::size_t second = first + 1; second < from + 64; ++second, ++said) {
            co_await say(with, with_bits(whole, first, second));
        }
    }
    const long peak = peak_bytes();
    auto sum = co_await with.here->add(1, 2);
    co_await until_left_alone(with);
    spare_blocks::of_thread().trim();  // what is kept for the next is no cost
    CAPTURE(before, peak, live_bytes());
    REQUIRE(peak - before < most_for_one_peer);
    REQUIRE(live_bytes() - before < most_for_one_peer / 8);
    REQUIRE(sum == 3);
    REQUIRE(with.server().counters().ended == said);
    REQUIRE(with.ended_by(goaway_reason::protocol) > 0);
    REQUIRE(with.ended_by(goaway_reason::too_large) > 0);
    REQUIRE(with.ended_by(goaway_reason::internal) == 0);
    REQUIRE(with.server().calls_served_now() == 0);
}

CO_TEST_CASE("S2: a length is refused before anything is allocated for it",
             "[rpc][server][fault]") {
    visited_server with;
    for (const std::uint32_t length : {0xffff'ffffU, 0x8000'0000U, 16'777'216U, 147'457U}) {
        const auto peer = visit(with);
        co_await peer->send(greeting());
        co_await peer->until_greeted();
        co_await settle();
        bytes header(rpc::detail::frame_header_size);
        rpc::detail::put_header(header.data(), {length, frame_type::open, 1, 0, 0, 0});
        forget_peak();
        const long before = live_bytes();
        co_await peer->send(header);
        co_await peer->until_told_off();  // by the header alone
        REQUIRE(peak_bytes() - before < 8192);
        REQUIRE(peer->goaway->reason == goaway_reason::too_large);
        REQUIRE_THAT(peer->goaway->text, Catch::Contains(std::to_string(length)));
    }
    co_await with.here->touch();
    co_await until_left_alone(with);
    REQUIRE(with.ended_by(goaway_reason::too_large) == 4);
}

namespace {

std::string nested(std::uint32_t depth) {
    // A struct is its length and its fields; here one vector with one element.
    std::string inner = encoded_number(4) + encoded_number(0);
    for (std::uint32_t i = 1; i < depth; ++i) {
        const std::string vector = encoded_number(1) + inner;
        inner = encoded_number(static_cast<std::uint32_t>(vector.size())) + vector;
    }
    return inner;
}

task<raw_peer::end_seen> answer(visited_server& to, std::string_view method, std::string message) {
    const std::string own = std::move(message);
    const auto peer = visit(to);
    bytes sent = joined({greeting(), open_frame(0, 0, {.name = method, .message = own})});
    co_await peer->send(std::move(sent));
    co_await peer->until_ends(1);
    co_return peer->ends[0];
}

}  // namespace

CO_TEST_CASE("S3: deep nesting, many tiny elements and amplification are refused",
             "[rpc][server][fault]") {
    visited_server with;
    auto flat = co_await answer(with, "test.nester/depth_of", nested(3));
    auto deep = co_await answer(with, "test.nester/depth_of", nested(5000));
    auto many = co_await answer(with, "test.nester/count_of",
                                encoded_number(30'000) + std::string(4 * 30'000, '\0'));
    auto bomb = co_await answer(with, "test.nester/count_of",
                                encoded_number(0x0fff'ffff) + std::string(4 * 1000, '\0'));
    auto sum = co_await with.here->add(1, 2);
    REQUIRE(flat.status == 0);
    REQUIRE(deep.status != 0);
    REQUIRE(deep.not_started);
    REQUIRE_THAT(first_string(deep.message), Catch::Contains("32"));
    REQUIRE(many.status == 0);
    REQUIRE(bomb.status != 0);
    REQUIRE(bomb.not_started);
    REQUIRE(sum == 3);
}

CO_TEST_CASE("S4: calls that are opened and cancelled in a loop end their connection",
             "[rpc][server][fault]") {
    visited_server with;
    const auto peer = visit(with);
    bytes sent = joined({greeting(), open_frame(0, 0, {.name = "test.subject.v1/hold"}),
                         raw_frame({0, frame_type::cancel, 0, 0, 0, 1})});
    const bytes again =
        joined({open_frame(0, 0, {}), raw_frame({0, frame_type::cancel, 0, 0, 0, 1})});
    co_await peer->send(std::move(sent));
    co_await peer->until_ends(1);
    for (std::size_t i = 2; !peer->goaway && i < 2000; ++i) {
        co_await peer->send(again);
        co_await peer->until_ends(i);
    }
    peer->hang_up();
    co_await until_left_alone(with);
    co_await with.here->touch();
    REQUIRE(with.ended_by(goaway_reason::too_much) == 1);
    REQUIRE(peer->goaway->reason == goaway_reason::too_much);
    REQUIRE(peer->ends.size() < 1999);  // 1000, and 33 a second
    REQUIRE(with.there.object.holding == 0);
    if (scheduler::current().backend_name() == "sim") co_return;  // which tears the frames apart
    // What is given up in the same breath is not begun.
    for (const auto& each : peer->ends) {
        REQUIRE(each.status == static_cast<std::uint32_t>(status::cancelled));
        REQUIRE(each.not_started);
    }
    REQUIRE(with.there.object.released == 0);
}

CO_TEST_CASE("S5: floods of pings and readers that never read end their connection",
             "[rpc][server][fault]") {
    visited_server with(
        rpc::server_options().each(rpc::connection_options().progress_within(20ms)));
    const auto flooding = visit(with);
    bytes pings = greeting();
    const bytes ping = raw_frame({0, frame_type::ping, 0, 0, 0, 0}, bytes(8));
    for (int i = 0; i < 1100; ++i) pings.insert(pings.end(), ping.begin(), ping.end());
    co_await flooding->send(std::move(pings));
    co_await flooding->until_told_off();
    flooding->hang_up();
    co_await until_left_alone(with);

    auto ends = make_unix_pair().value();
    with.server().serve(any_stream(std::move(ends.first)), "deaf");
    raw_peer deaf(any_stream(std::move(ends.second)), raw_peer::hearing::deaf);
    const std::string million = encoded_number(1'000'000);
    bytes sent =
        joined({greeting(), open_frame(0, 0, {.name = "test.subject.v1/count", .message = million}),
                raw_frame({0, frame_type::credit, 0, 0, 0, 0x7ffe'0000})});
    co_await deaf.send(std::move(sent));
    while (with.ended_by(goaway_reason::timeout) == 0) {
        co_await with.here->touch();
        co_await settle();
    }
    REQUIRE(flooding->goaway->reason == goaway_reason::too_much);
    REQUIRE(with.ended_by(goaway_reason::too_much) == 1);
    REQUIRE(with.server().connections_now() == 1);
}

namespace {

/// Of a fault: its text, and then this, in milliseconds.
std::uint32_t retry_after_of(const raw_peer::end_seen& ended) {
    const std::size_t at = 4 + first_string(ended.message).size();
    return rpc::detail::get_u32(ended.message.data() + at);
}

}  // namespace

CO_TEST_CASE("S7: a server that is asked for more than it can do refuses early, and recovers",
             "[rpc][server][fault]") {
    if (scheduler::current().backend_name() == "sim") {  // whose time stands still in a procedure
        throw std::system_error(std::make_error_code(std::errc::not_supported));
    }
    visited_server with(rpc::server_options().queue_target(1ms));
    const auto peer = visit(with);
    const std::string three_ms = encoded_number(3000);
    bytes sent =
        joined({greeting(), open_frame(0, 0, {.name = "test.nester/spin", .message = three_ms})});
    constexpr std::uint32_t calls = 60;
    for (std::uint32_t i = 1; i < calls; ++i) {
        sent = joined({sent, open_frame(i, 0, {.message = three_ms})});
    }
    co_await peer->send(std::move(sent));
    co_await peer->until_ends(calls);
    std::size_t served = 0;
    std::size_t refused = 0;
    std::size_t told_when = 0;
    for (const auto& each : peer->ends) {
        if (each.status == 0) ++served;
        if (each.status == static_cast<std::uint32_t>(status::resource_exhausted) &&
            each.not_started) {
            ++refused;
            if (retry_after_of(each) == 10) ++told_when;  // ms: ten times queue_target
        }
    }
    auto sum = co_await rpc::try_call(with.here->add(1, 2));
    while (!sum && sum.error().code() == status::resource_exhausted) {  // until it has recovered
        co_await settle();
        sum = co_await rpc::try_call(with.here->add(1, 2));
    }
    REQUIRE(served > 0);
    REQUIRE(refused > 0);
    REQUIRE(served + refused == calls);
    REQUIRE(told_when == refused);
    REQUIRE(sum.value() == 3);
}

CO_TEST_CASE("S8: without memory for a call it is refused, and what needs less is served",
             "[rpc][server][fault]") {
    visited_server with(rpc::server_options().memory_max(400'000));
    auto held = scope.spawn(try_hold(*with.here));
    co_await until_held(with.there.object, 1);
    for (int i = 0; i < 20; ++i) {
        auto refused = co_await rpc::try_call(with.here->echo(std::string(500'000, 'x')));
        auto served = co_await rpc::try_call(with.here->echo(std::string(100'000, 'x')));
        REQUIRE(refused.error().code() == status::resource_exhausted);
        REQUIRE_FALSE(refused.error().may_have_run());
        REQUIRE(refused.error().retry_after() == 100ms);
        REQUIRE_THAT(std::string(refused.error().text()),
                     Catch::Contains("of 400000 bytes are in use by all connections (memory_max)"));
        REQUIRE(served.value().size() == 100'000);
    }
    held.request_stop();
    const auto end_of_held = co_await held;
    static_cast<void>(end_of_held);
    REQUIRE(with.server().connections_now() == 1);
}

namespace {

constexpr uid_t nobody = 65534;

/// As somebody else: calls hold() so often at a time, and waits to be killed.
task<> flood(std::string where, int calls) {
    auto there = co_await connect_subject(std::move(where));
    task_scope scope;
    for (int i = 0; i < calls; ++i) scope.spawn(try_hold(*there));
    co_await scope.join();
}

constexpr const char* flooder_name = "floods a server as somebody else";

const helper flooder(flooder_name, [](const helper_arguments& given) {
    if (::setresuid(nobody, nobody, nobody) != 0) return 1;
    run(flood(given.at(0), std::stoi(given.at(1))));
    return 0;
});

}  // namespace

CO_TEST_CASE("S10: a user that floods a server is refused, and another one is served",
             "[rpc][server][fault]") {
    needs_processes();
    if (::geteuid() != 0) co_return skip("only root has a second user at hand");
    const temp_dir folder;
    ::chmod(folder.path().c_str(), 0755);
    const std::string where = "unix:" + folder.path("s");
    subject_server there(
        rpc::server_options().calls_max(8).connections_per_user_max(1).socket_mode(0666).clients(
            allowed_users().allow_uid(nobody)));
    co_await there.server.listen(where);
    child_process flooding = child_process::helper(flooder_name, {where, "20"});
    const auto refused = [&] { return there.server.counters().connections.calls_refused; };
    while (there.object.holding < 4 || refused() < 16) co_await settle();
    child_process again = child_process::helper(flooder_name, {where, "20"});
    while (there.server.counters().refused < 1) co_await settle();
    auto here = co_await connect_subject(where);
    auto mine = scope.spawn(try_hold(*here));
    co_await until_held(there.object, 5);
    auto sum = co_await rpc::try_call(here->add(1, 2));
    flooding.kill();
    co_await until_released(there.object, 4);
    mine.request_stop();
    const auto end_of_mine = co_await mine;
    static_cast<void>(end_of_mine);
    REQUIRE(there.object.holding <= 1);
    REQUIRE(refused() == 16);
    REQUIRE(sum.value() == 3);
}

CO_TEST_CASE("S11: versions and features that do not fit are refused by name",
             "[rpc][server][fault]") {
    visited_server with;
    const auto later = visit(with);
    bytes preface = to_bytes("\xc0nduit\x09\x07");
    co_await later->send(std::move(preface));
    co_await later->until_told_off();
    const auto unknown = visit(with);
    bytes frames = joined({greeting(), raw_frame({0, static_cast<frame_type>(77), 0, 0, 0, 0})});
    co_await unknown->send(std::move(frames));
    co_await unknown->until_told_off();
    const auto polite = visit(with);
    bytes ignorable = joined(
        {greeting(), raw_frame({0, static_cast<frame_type>(77), 0x80, 0, 0, 0}), echo_call()});
    co_await polite->send(std::move(ignorable));
    co_await polite->until_ends(1);
    REQUIRE(later->goaway->reason == goaway_reason::version);
    REQUIRE_THAT(later->goaway->text, Catch::Contains("7 to 9") && Catch::Contains("1 to 1"));
    REQUIRE(unknown->goaway->reason == goaway_reason::protocol);
    REQUIRE_THAT(unknown->goaway->text, Catch::Contains("77"));
    REQUIRE(polite->ends[0].status == 0);
}
