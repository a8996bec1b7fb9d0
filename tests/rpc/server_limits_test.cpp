// SPDX-License-Identifier: BSL-1.0
//
// What strangers and broken peers may cost a server, and who notices.
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::goaway_reason;

namespace {

std::uint64_t ended_by(const rpc::server& server, goaway_reason reason) {
    return server.counters().ended_by_reason[static_cast<std::size_t>(reason)];
}

/// Reads until the server ends the connection.
task<> until_ended(unix_stream& stream) {
    std::array<std::byte, 256> ignored{};
    for (;;) {
        auto got = co_await stream.read_some(ignored);
        if (!got || *got == 0) co_return;
    }
}

/// A line that is no protocol at all, and then the end.
task<> say_nonsense(std::string path) {
    auto stream = co_await unix_stream::connect(std::move(path));
    auto sent = co_await write_all(stream.value(), bytes_of("GET / HTTP/1.1\r\n\r\n"));
    sent.value();
    co_await until_ended(*stream);
}

bool says(const rpc::fault& why, std::string_view words) {
    return why.text().find(words) != std::string_view::npos;
}

}  // namespace

CO_TEST_CASE("beyond connections_max one is told so, and others go on", "[rpc][server][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().connections_max(2));
    co_await there.server.listen(where);
    auto first = co_await test::connect_subject(where);
    auto second = co_await test::connect_subject(where);
    co_await first->touch();
    co_await second->touch();
    auto third = co_await test::connect_subject(where);
    auto refused = co_await rpc::try_call(third->touch());
    co_await second.close();
    co_await test::settle();
    auto fourth = co_await test::connect_subject(where);
    co_await fourth->touch();
    REQUIRE(refused.error().code() == rpc::status::unavailable);
    REQUIRE(says(refused.error(), "there are 2 connections, of at most 2 (connections_max)"));
    REQUIRE(there.object.touched == 3);
    REQUIRE(there.server.counters().refused == 1);
    REQUIRE(there.server.connections_now() == 2);
}

CO_TEST_CASE("one user has connections_per_user_max of them", "[rpc][server][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().connections_per_user_max(1));
    co_await there.server.listen(where);
    auto first = co_await test::connect_subject(where);
    co_await first->touch();
    auto second = co_await test::connect_subject(where);
    auto refused = co_await rpc::try_call(second->touch());
    co_await first->touch();
    REQUIRE(says(refused.error(), "1 connections, of at most 1 (connections_per_user_max)"));
    REQUIRE(there.object.touched == 2);
}

CO_TEST_CASE("a server bounds the calls and the memory of all connections together",
             "[rpc][server][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().calls_max(4).memory_max(1'000'000));
    co_await there.server.listen(where);
    auto one = co_await test::connect_subject(where);
    auto other = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*one));
    auto held_too = scope.spawn(test::try_hold(*other));
    co_await test::until_held(there.object, 2);
    auto third = co_await rpc::try_call(one->touch());
    held.request_stop();
    held_too.request_stop();
    co_await test::until_released(there.object, 2);
    auto large = co_await rpc::try_call(one->echo(std::string(600'000, 'x')));
    auto small = co_await other->echo(std::string(200'000, 'x'));
    REQUIRE(third.error().code() == rpc::status::resource_exhausted);
    REQUIRE(says(third.error(), "which is half of what others leave of 4 (calls_max)"));
    REQUIRE_FALSE(third.error().may_have_run());
    REQUIRE(third.error().retry_after() == 100ms);
    REQUIRE(large.error().code() == rpc::status::resource_exhausted);
    REQUIRE(says(large.error(), "which is half of what others leave of 1000000 (memory_max)"));
    REQUIRE(small.size() == 200'000);
    REQUIRE(there.object.touched == 0);
}

CO_TEST_CASE("silent strangers do not keep others out", "[rpc][server][limit]") {
    const test::temp_dir folder;
    test::subject_server there(rpc::server_options().strangers_max(2));
    co_await there.server.listen("unix:" + folder.path("s"));
    std::vector<unix_stream> silent;
    for (int i = 0; i < 5; ++i) {
        auto stream = co_await unix_stream::connect(folder.path("s"));
        silent.push_back(std::move(stream.value()));
    }
    auto here = co_await test::connect_subject("unix:" + folder.path("s"));
    co_await here->touch();
    REQUIRE(there.object.touched == 1);
    REQUIRE(there.server.counters().pushed_out >= 3);
    REQUIRE(there.server.connections_now() <= 3);
}

CO_TEST_CASE("a peer that greets too late is let go, before and after its first byte",
             "[rpc][server][limit]") {
    const test::temp_dir folder;
    const auto hasty = rpc::connection_options().greeting_within(1ms);
    test::subject_server there(rpc::server_options().each(hasty));
    co_await there.server.listen("unix:" + folder.path("s"));
    auto silent = co_await unix_stream::connect(folder.path("s"));
    auto slow = co_await unix_stream::connect(folder.path("s"));
    auto sent = co_await write_all(slow.value(), bytes_of("\xc0n"));
    co_await until_ended(*silent);
    co_await until_ended(*slow);
    slow->close();
    co_await test::settle();
    REQUIRE(sent);
    REQUIRE(ended_by(there.server, goaway_reason::timeout) == 2);
    REQUIRE(there.server.connections_now() == 0);
}

CO_TEST_CASE("nonsense ends its own connection, is counted, and hurts nobody",
             "[rpc][server][limit]") {
    const test::temp_dir folder;
    test::subject_server there;
    co_await there.server.listen("unix:" + folder.path("s"));
    auto here = co_await test::connect_subject("unix:" + folder.path("s"));
    co_await here->touch();
    for (int i = 0; i < 20; ++i) co_await say_nonsense(folder.path("s"));
    co_await here->touch();
    co_await test::settle();
    REQUIRE(there.object.touched == 2);
    REQUIRE(ended_by(there.server, goaway_reason::protocol) == 20);
    REQUIRE(there.server.counters().ended == 20);
    REQUIRE(there.server.connections_now() == 1);
}

CO_TEST_CASE("hostile records at a FIFO hurt nobody", "[rpc][server][limit][fifo]") {
    const test::temp_dir folder;
    const std::string path = folder.path("f");
    const std::string hello = "conduit fifo 1 ";
    const std::string zeros(32, '0');
    const std::string ones(32, '1');
    test::subject_server there(rpc::server_options().strangers_max(1));
    co_await there.server.listen("fifo:" + path);
    auto calls = co_await fifo_record_writer::open(path);
    make_fifo(path + "." + ones + ".in").value();
    make_fifo(path + "." + ones + ".out").value();
    const std::vector<std::string> records = {
        "",           "hello",      hello + "../../etc/passwd", hello + zeros + "0", hello + zeros,
        hello + ones, hello + ones, std::string(4000, 'x')};
    for (const std::string& each : records) {
        auto written = co_await calls->write_record(bytes_of(each));
        written.value();
    }
    auto junk = co_await write_all(calls->channel(), bytes_of("no record at all"));
    junk.value();
    auto here = co_await test::connect_subject("fifo:" + path);
    co_await here->touch();
    REQUIRE(there.object.touched == 1);
    REQUIRE(there.server.counters().refused == 5);
    REQUIRE(there.server.counters().pushed_out == 2);
}

CO_TEST_CASE("calls that do not end are cut off when the time to drain is over",
             "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().drain_within(1ms));
    co_await there.server.listen(where);
    auto running = scope.spawn(there.server.run());
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    there.server.stop();
    co_await running;
    auto why = co_await held;
    REQUIRE(why.error().code() == rpc::status::unavailable);
    REQUIRE(why.error().may_have_run());
    REQUIRE(there.object.released == 1);
}

CO_TEST_CASE("who waits for the end of a drain learns of it, also where the drain is taken away",
             "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    std::optional<task_group> first(std::in_place);
    first->spawn(there.server.drain());
    co_await test::settle();
    auto second = scope.spawn(there.server.drain());
    co_await test::settle();
    const bool was_waiting = !second.is_done();
    first.reset();
    const auto also = co_await second;
    static_cast<void>(also);
    held.request_stop();
    auto ended = co_await held;
    static_cast<void>(ended);
    const bool is_sim = scheduler::current().backend_name() == "sim";  // where time passes
    REQUIRE((was_waiting || is_sim));
}

CO_TEST_CASE("a server that is destroyed takes all with it", "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    std::optional<test::subject_server> there;
    there.emplace();
    co_await there->server.listen(where);
    co_await there->server.listen("fifo:" + folder.path("f"));
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there->object, 1);
    there.reset();
    auto why = co_await held;
    REQUIRE(why.error().code() == rpc::status::unavailable);
}
