// SPDX-License-Identifier: BSL-1.0
//
// Either side is killed with a thousand calls in flight.
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connection_options.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace conduit;

namespace {

constexpr int in_flight = 1000;

constexpr int socket_there = 3;

rpc::connection_options wide() { return rpc::connection_options().calls_max(in_flight); }

task<> serve_until_killed() {
    test::subject_server there(rpc::server_options().each(wide()));
    there.server.serve(any_stream(unix_stream::adopt(unique_fd(socket_there)).value()));
    co_await there.server.run();
}

/// Calls as often as the server takes, and waits to be killed.
task<> call_until_killed() {
    test::subject_client here(any_stream(unix_stream::adopt(unique_fd(socket_there)).value()));
    co_await here->touch();
    task_scope scope;
    for (int i = 0; i < in_flight; ++i) scope.spawn(here->hold());
    co_await scope.join();
}

const test::helper server("serves until it is killed", [](const test::helper_arguments&) {
    run(serve_until_killed());
    return 0;
});

const test::helper caller("calls until it is killed", [](const test::helper_arguments&) {
    run(call_until_killed());
    return 0;
});

/// A process with one end of a connection, and the other end.
struct connected_child {
    explicit connected_child(const char* helper)
        : connected_child(helper, make_unix_pair().value()) {}
    connected_child(const char* helper, unix_pair ends)
        : connected_child(helper, ends.second.detach().value(), std::move(ends.first)) {}
    connected_child(const char* helper, const unique_fd& theirs, unix_stream ours)
        : process(
              test::child_process::helper(helper, {}, {{theirs.native().value(), socket_there}})),
          stream(std::move(ours)) {}

    test::child_process process;
    any_stream stream;
};

task<> note_end_of_hold(test::subject& remote, int& ended, int& may_have_run) {
    auto done = co_await test::try_hold(remote);
    ++ended;
    if (!done && done.error().may_have_run()) ++may_have_run;
}

}  // namespace

CO_TEST_CASE("a server that is killed ends each of a thousand calls once", "[rpc][server][fault]") {
    test::needs_processes();
    connected_child there("serves until it is killed");
    test::subject_client here(std::move(there.stream));
    co_await here->touch();
    int ended = 0;
    int may_have_run = 0;
    for (int i = 0; i < in_flight; ++i) {
        scope.spawn(note_end_of_hold(*here, ended, may_have_run));
    }
    auto sum = co_await here->add(1, 2);  // behind them all: they have arrived
    const int early = ended;
    there.process.kill();
    co_await here.connection().until_down();
    auto late = co_await rpc::try_call(here->touch());
    co_await scope.join();
    REQUIRE(sum == 3);
    REQUIRE(early == 0);
    REQUIRE(ended == in_flight);
    REQUIRE(may_have_run >= in_flight - 1);  // one waits for the place of add()
    REQUIRE(late.error().code() == rpc::status::unavailable);
    REQUIRE_FALSE(late.error().may_have_run());
}

CO_TEST_CASE("a client that is killed has its thousand calls stopped, and others go on",
             "[rpc][server][fault]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().each(wide()));
    co_await there.server.listen(where);
    auto other = co_await test::connect_subject(where);
    co_await other->touch();
    connected_child killed("calls until it is killed");
    there.server.serve(std::move(killed.stream));
    co_await test::until_held(there.object, in_flight);
    const int released_before = there.object.released;
    killed.process.kill();
    co_await test::until_released(there.object, in_flight);
    auto sum = co_await other->add(1, 2);
    REQUIRE(released_before == 0);
    REQUIRE(there.object.holding == 0);
    REQUIRE(sum == 3);
    REQUIRE(there.server.calls_served_now() == 0);
}
