// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/pool_client.hpp>

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"

#include <optional>
#include <utility>

using namespace conduit;

CO_TEST_CASE("a pool's client may be moved under its calls", "[rpc][pool_client]") {
    test::fleet servers;
    servers.start("a");
    std::optional<rpc::pool_client<test::vessel>> first;
    first.emplace(std::vector<std::string>{"a"}, servers.options());
    auto calling = scope.spawn((*first)->who());
    std::optional<rpc::pool_client<test::vessel>> second(std::move(*first));
    first.reset();
    auto name = co_await calling;
    auto again = co_await (*second)->who();
    co_await second->close();
    REQUIRE(name == "a");
    REQUIRE(again == "a");
    REQUIRE(second->pool().counters().connects == 1);
}
