// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/call_info.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

CO_TEST_CASE("a procedure asks who calls, until when, and calls back", "[rpc][call_info]") {
    test::subject_server there;
    auto sockets = make_unix_pair().value();
    auto memory = make_memory_stream_pair();
    there.server.serve(any_stream(std::move(sockets.first)));
    there.server.serve(any_stream(std::move(memory.first)));
    test::local_subject mine;
    test::subject_client here(any_stream(std::move(sockets.second)), mine);
    test::subject_client beside(any_stream(std::move(memory.second)));
    auto user = co_await here->who_calls();
    auto nobody = co_await beside->who_calls();
    auto unbounded = co_await here->time_left();
    auto bounded = co_await within(1h, here->time_left());
    auto back = co_await here->ask_back(1, 2);
    REQUIRE(user == current_kernel().effective_user());
    REQUIRE(nobody == -1);
    REQUIRE(unbounded == -1);
    REQUIRE(bounded > 3'500'000);
    REQUIRE(back == 3);
}
