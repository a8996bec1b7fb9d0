// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connect.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/fifo.hpp>
#include <conduit/rpc/try_call.hpp>

#include <sys/wait.h>
#include <catch2/catch.hpp>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<std::optional<rpc::fault>> fault_of_connecting(std::string where) {
    auto made = co_await rpc::try_call(test::connect_subject(std::move(where)));
    if (made) co_return std::nullopt;
    co_return made.error();
}

/// Blocks this thread until a child has ended and left how, as it does for how_it_failed() in
/// program_stream.cpp, which waits only so long between the end of its output and its own.
void until_child_ended() {
    siginfo_t ended{};
    while (::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
}

bool says(const std::optional<rpc::fault>& why, std::string_view words) {
    return why && why->text().find(words) != std::string_view::npos;
}

}  // namespace

CO_TEST_CASE("connecting where nobody listens says where and why", "[rpc][connect]") {
    const test::temp_dir folder;
    const std::string path = folder.path("nobody");
    auto nobody = co_await fault_of_connecting("unix:" + path);
    auto no_fifo = co_await fault_of_connecting("fifo:" + path);
    auto no_address = co_await fault_of_connecting("over there");
    auto no_stream = co_await fault_of_connecting("udp:localhost:1");
    REQUIRE(says(nobody, "cannot connect to 'unix:" + path + "': No such file or directory"));
    REQUIRE(nobody->code() == rpc::status::unavailable);
    REQUIRE(nobody->retry_safe());
    REQUIRE(says(no_fifo, "cannot connect to 'fifo:" + path));
    REQUIRE(no_fifo->code() == rpc::status::unavailable);
    REQUIRE(says(no_address, "cannot connect: address 'over there'"));
    REQUIRE(no_address->code() == rpc::status::invalid_argument);
    REQUIRE(no_stream->code() == rpc::status::unavailable);
}

CO_TEST_CASE("a FIFO that no server reads is given up after 5 seconds, or when asked to",
             "[rpc][connect][cancel]") {
    const test::temp_dir folder;
    make_fifo(folder.path("f")).value();
    auto pending = scope.spawn(fault_of_connecting("fifo:" + folder.path("f")));
    co_await test::settle();
    const bool early = pending.is_done();
    pending.request_stop();
    auto stopped = co_await pending;
    auto late = co_await within(1ms, fault_of_connecting("fifo:" + folder.path("f")));
    REQUIRE_FALSE(early);
    REQUIRE(stopped->code() == rpc::status::cancelled);
    REQUIRE(late->code() == rpc::status::deadline_exceeded);
}

CO_TEST_CASE("what was connected within a deadline is not bound by it", "[rpc][connect]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await within(1h, test::connect_subject(where));
    auto left = co_await here->time_left();
    auto sum = co_await here->add(1, 2);
    REQUIRE(left == -1);
    REQUIRE(sum == 3);
}

CO_TEST_CASE("the server calls back over the connection of the call", "[rpc][connect]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    test::local_subject mine;
    auto options = rpc::connect_options().offer<test::subject>(mine);
    auto here = co_await test::connect_subject(where, options);
    auto asked = co_await here->ask_back(40, 2);
    auto offering_nothing = co_await test::connect_subject(where);
    auto refused = co_await rpc::try_call(offering_nothing->ask_back(1, 2));
    REQUIRE(asked == 42);
    REQUIRE(refused.error().code() == rpc::status::unimplemented);
}

CO_TEST_CASE("a program that is missing, or ends early, is a fault that says so",
             "[rpc][connect]") {
    test::needs_processes();
    auto missing = co_await fault_of_connecting("exec:/nowhere/program");
    auto fails = co_await test::connect_subject(test::subject_program("3"));
    until_child_ended();
    auto failed = co_await rpc::try_call(fails->add(1, 2));
    auto ends = co_await test::connect_subject("exec:/bin/true");
    until_child_ended();
    auto ended = co_await rpc::try_call(ends->add(1, 2));
    auto killed = co_await test::connect_subject("exec:/bin/sh -c 'kill -9 $$'");
    until_child_ended();
    auto gone = co_await rpc::try_call(killed->add(1, 2));
    REQUIRE(says(missing, "cannot start /nowhere/program: No such file or directory"));
    REQUIRE(missing->code() == rpc::status::unavailable);
    REQUIRE(failed.error().code() == rpc::status::unavailable);
    REQUIRE(says(failed.error(), "the program exited with status 3"));
    REQUIRE(ended.error().code() == rpc::status::unavailable);
    REQUIRE(says(gone.error(), "the program was ended by signal 9"));
}

TEST_CASE("a program ends when its client closes, or is destroyed", "[rpc][connect]") {
    test::run_on_each_kernel([]() -> task<> {
        auto closed = co_await test::connect_subject(test::subject_program());
        auto destroyed = co_await test::connect_subject(test::subject_program());
        co_await closed->touch();
        co_await closed.close();
    });
    REQUIRE_FALSE(test::has_children());
}

CO_TEST_CASE("a call after close() is not sent", "[rpc][connect]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    co_await here->touch();
    co_await here.close();
    auto late = co_await rpc::try_call(here->touch());
    REQUIRE(late.error().code() == rpc::status::unavailable);
    REQUIRE_FALSE(late.error().may_have_run());
    REQUIRE(there.object.touched == 1);
}
