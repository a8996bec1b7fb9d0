// SPDX-License-Identifier: BSL-1.0
//
// Every shape of call over every kind of stream.
#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/stream_subjects.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <utility>

using namespace conduit;

CO_TEST_CASE("every shape of call goes over unix:", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    co_await test::try_every_shape(*here);
    co_await test::try_handles(*here);
    auto user = co_await here->who_calls();
    co_await here.close();
    co_await there.server.drain();
    REQUIRE(there.object.touched == 1);
    REQUIRE(there.object.notes == std::vector<std::string>{"a note"});
    REQUIRE(user >= 0);
    REQUIRE(there.server.connections_now() == 0);
}

CO_TEST_CASE("every shape of call goes over a socket pair", "[rpc][server]") {
    test::subject_server there;
    auto ends = make_unix_pair().value();
    there.server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    co_await test::try_every_shape(*here);
    co_await test::try_handles(*here);
    co_await here.close();
    co_await there.server.run();
    REQUIRE(there.object.touched == 1);
}

CO_TEST_CASE("every shape of call goes over all streams that carry no handles", "[rpc][server]") {
    co_await test::for_each_stream(
        [](test::stream_pair& ends, task_scope&) -> task<> {
            if (ends.first.inside().carries_handles()) co_return;
            const bool is_narrow = ends.is_narrow;
            test::subject_server there;
            there.server.serve(std::move(ends.first));
            test::subject_client here(std::move(ends.second));
            const std::size_t longest = is_narrow ? 2'000 : 300'000;  // in pieces
            co_await test::try_every_shape(*here, longest);
            co_await test::try_handles_in_vain(*here);
            co_await here.close();
            co_await there.server.run();
            REQUIRE(there.object.touched == 1);
        },
        scope);
}

CO_TEST_CASE("every shape of call goes over tcp:", "[rpc][server]") {
    if (scheduler::current().backend_name() == "sim") co_return test::skip("no TCP in simulation");
    test::subject_server there;
    auto at = co_await there.server.listen("tcp:127.0.0.1:0");
    auto here = co_await test::connect_subject(to_string(at));
    co_await test::try_every_shape(*here);
    co_await test::try_handles_in_vain(*here);
    co_await here.close();
    co_await there.server.drain();
    REQUIRE(there.object.touched == 1);
    REQUIRE(at.service() != "0");
}

CO_TEST_CASE("every shape of call goes over fifo:", "[rpc][server]") {
    const test::temp_dir folder;
    const std::string where = "fifo:" + folder.path("calls");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto another = co_await test::connect_subject(where);
    co_await test::try_every_shape(*here);
    co_await test::try_handles_in_vain(*another);
    co_await here.close();
    co_await another.close();
    co_await there.server.drain();
    REQUIRE(there.object.touched == 1);
}

CO_TEST_CASE("every shape of call goes over exec: to a program that serves stdio:",
             "[rpc][server]") {
    test::needs_processes();
    auto here = co_await test::connect_subject(test::subject_program());
    co_await test::try_every_shape(*here);
    co_await test::try_handles_in_vain(*here);
    co_await here.close();
    REQUIRE(here.connection().is_down());
}
