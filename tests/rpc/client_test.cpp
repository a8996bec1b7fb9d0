// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/client.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/try_call.hpp>

#include <optional>
#include <utility>

using namespace conduit;

CO_TEST_CASE("a client may be moved under its calls, and ends them with its destruction",
             "[rpc][client]") {
    auto ends = make_memory_stream_pair();
    test::subject_server there;
    there.server.serve(any_stream(std::move(ends.first)));
    std::optional<rpc::client<test::subject>> first;
    first.emplace(any_stream(std::move(ends.second)));
    auto adding = scope.spawn((*first)->add(1, 2));
    std::optional<rpc::client<test::subject>> second(std::move(*first));
    first.reset();
    auto sum = co_await adding;
    auto again = co_await (*second)->add(sum, 1);
    const bool was_open = second->connection().is_open();
    second.reset();
    REQUIRE(sum == 3);
    REQUIRE(again == 4);
    REQUIRE(was_open);
}
