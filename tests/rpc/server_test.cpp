// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/server.hpp>

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<rpc::fault> fault_of_listening(rpc::server& server, std::string where) {
    auto at = co_await rpc::try_call(server.listen(std::move(where)));
    co_return at.error();
}

bool says(const rpc::fault& why, std::string_view words) {
    return why.text().find(words) != std::string_view::npos;
}

}  // namespace

CO_TEST_CASE("listening fails with address and reason", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    test::subject_server other;
    co_await there.server.listen(where);
    auto taken = co_await fault_of_listening(other.server, where);
    auto no_folder = co_await fault_of_listening(other.server, "unix:" + folder.path("no/s"));
    auto program = co_await fault_of_listening(other.server, "exec:true");
    auto nothing = co_await fault_of_listening(other.server, "nothing");
    REQUIRE(taken.code() == rpc::status::unavailable);
    REQUIRE(says(taken, "cannot listen at '" + where + "': "));
    REQUIRE(says(no_folder, "No such file or directory"));
    REQUIRE(program.code() == rpc::status::invalid_argument);
    REQUIRE(nothing.code() == rpc::status::invalid_argument);
}

CO_TEST_CASE("TCP beyond loopback needs a word", "[rpc][server]") {
    if (scheduler::current().backend_name() == "sim") co_return test::skip("no TCP in simulation");
    test::subject_server careful;
    auto refused = co_await fault_of_listening(careful.server, "tcp:0.0.0.0:0");
    rpc::server open(rpc::server_options().allow_plain_tcp_beyond_loopback());
    auto at = co_await open.listen("tcp:0.0.0.0:0");
    REQUIRE(refused.code() == rpc::status::permission_denied);
    REQUIRE(says(refused, "allow_plain_tcp_beyond_loopback"));
    REQUIRE(at.host() == "0.0.0.0");
}

CO_TEST_CASE("a server listens at several places at a time", "[rpc][server]") {
    const test::temp_dir folder;
    test::subject_server there;
    co_await there.server.listen("unix:" + folder.path("a"));
    co_await there.server.listen("unix:" + folder.path("b"));
    co_await there.server.listen("fifo:" + folder.path("c"));
    auto a = co_await test::connect_subject("unix:" + folder.path("a"));
    auto b = co_await test::connect_subject("unix:" + folder.path("b"));
    auto c = co_await test::connect_subject("fifo:" + folder.path("c"));
    co_await a->touch();
    co_await b->touch();
    co_await c->touch();
    REQUIRE(there.object.touched == 3);
    REQUIRE(there.server.connections_now() == 3);
    REQUIRE(there.server.counters().accepted == 3);
    REQUIRE(there.server.counters().connections.calls_served == 3);
}

CO_TEST_CASE("a factory's object belongs to the server", "[rpc][server]") {
    auto ends = make_memory_stream_pair();
    rpc::server server;
    server.offer<test::subject>([] { return std::make_unique<test::local_subject>(); });
    server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    auto sum = co_await here->add(1, 2);
    REQUIRE(sum == 3);
}

CO_TEST_CASE("run() ends by itself when nothing can come any more", "[rpc][server]") {
    auto ends = make_memory_stream_pair();
    test::subject_server there;
    there.server.serve(any_stream(std::move(ends.first)));
    auto running = scope.spawn(there.server.run());
    test::subject_client here(any_stream(std::move(ends.second)));
    co_await here->touch();
    const bool early = running.is_done();
    co_await here.close();
    co_await running;
    REQUIRE_FALSE(early);
    REQUIRE(there.server.connections_now() == 0);
    REQUIRE(there.server.counters().ended == 1);
}

CO_TEST_CASE("a server that is stopped lets calls under way end", "[rpc][server][cancel]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto running = scope.spawn(there.server.run());
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    running.request_stop();
    co_await test::settle();
    const bool early = running.is_done();
    auto refused = co_await rpc::try_call(test::connect_subject(where));
    auto late = co_await rpc::try_call(here->touch());
    held.request_stop();
    auto why = co_await held;
    co_await test::until_released(there.object, 1);
    co_await running;
    REQUIRE_FALSE(early);
    REQUIRE_FALSE(refused);
    REQUIRE(why.error().code() == rpc::status::cancelled);
    REQUIRE(late.error().code() == rpc::status::unavailable);
    REQUIRE_FALSE(late.error().may_have_run());
}

namespace {

/// Serves what was passed as descriptor 3 until the first client has left.
task<> serve_inherited() {
    test::subject_server there;
    const std::size_t sockets = there.server.listen_at_inherited();
    if (sockets == 1) co_await there.server.until_left();
}

const test::helper activated("serves inherited sockets", [](const test::helper_arguments&) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    run(serve_inherited());
    return 0;
});

}  // namespace

CO_TEST_CASE("what a service manager listens at is served", "[rpc][server]") {
    test::needs_processes();
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    const int passed = listener.handle().native().value();
    auto child = test::child_process::helper("serves inherited sockets", {}, {{passed, 3}});
    auto here = co_await test::connect_subject("unix:" + folder.path("s"));
    auto sum = co_await here->add(1, 2);
    co_await here.close();
    const exit_status ended = child.wait();
    REQUIRE(sum == 3);
    REQUIRE(ended.code == 0);
    REQUIRE(ended.signal == 0);
}
