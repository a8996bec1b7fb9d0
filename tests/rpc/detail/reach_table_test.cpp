// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/reach_table.hpp>

#include "../../support/co_test.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::reach_look;
using rpc::detail::reach_table;
using rpc::detail::reach_verdict;

namespace {

constexpr clock::duration ping = 5s;
constexpr unsigned gone_after = 3;
const clock::time_point start = clock::time_point(1h);
const rpc::instance_id one{7, 1};
const rpc::instance_id other{7, 2};

using ids = std::vector<rpc::instance_id>;

}  // namespace

TEST_CASE("of many who could not reach an instance at one time one counts", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    REQUIRE(reach.failed(one, start) == reach_verdict::suspect);
    for (int i = 0; i < 100; ++i)
        REQUIRE(reach.failed(one, start + 2499ms) == reach_verdict::known);
    REQUIRE(reach.failed(one, start + 2500ms) == reach_verdict::suspect);
    REQUIRE(reach.failed(one, start + 4999ms) == reach_verdict::known);
    REQUIRE(reach.failed(one, start + 5s) == reach_verdict::gone);
    REQUIRE(reach.unreached() == 1);
}

TEST_CASE("who was not reached is looked at once in the time between two pings", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    static_cast<void>(reach.failed(one, start));
    REQUIRE(reach.next_due() == start + ping);
    REQUIRE(reach.take_due(start + 4999ms).empty());
    REQUIRE(reach.take_due(start + ping) == ids{one});
    REQUIRE_FALSE(reach.next_due());
    REQUIRE(reach.failed(one, start + ping + 1ms) == reach_verdict::suspect);
    reach.ended(one, start + ping + 1ms);
    REQUIRE(reach.next_due() == start + 2 * ping + 1ms);
}

TEST_CASE("who is well again is forgotten, once another look may be asked for", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    static_cast<void>(reach.failed(one, start));
    static_cast<void>(reach.take_due(start + ping));
    REQUIRE(reach.is_unreached(one));
    REQUIRE(reach.reached(one));
    REQUIRE_FALSE(reach.reached(one));
    reach.ended(one, start + ping);
    REQUIRE_FALSE(reach.is_unreached(one));
    REQUIRE(reach.unreached() == 0);
    REQUIRE(reach.size() == 1);
    REQUIRE(reach.take_due(start + ping + 1s).empty());
    REQUIRE(reach.size() == 0);
    REQUIRE_FALSE(reach.next_due());
}

CO_TEST_CASE("however many ask, an instance is looked at once a second", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    const auto first = reach.ask(one, start);
    const auto same = reach.ask(one, start);
    REQUIRE(first == same);
    REQUIRE(reach.take_due(start) == ids{one});
    const auto during = reach.ask(one, start + 1ms);
    reach.ended(one, start + 2ms);
    REQUIRE(during == first);
    REQUIRE(first->over.is_set());
    const auto again = reach.ask(one, start + 3ms);
    REQUIRE_FALSE(again->over.is_set());
    REQUIRE(reach.is_asked(one));
    REQUIRE(reach.take_due(start + 999ms).empty());
    REQUIRE(reach.take_due(start + 1s) == ids{one});
    reach.ended(one, start + 1s, rpc::fault(rpc::status::resource_exhausted, "no descriptor"));
    REQUIRE(again->over.is_set());
    REQUIRE(again->failed->text() == "no descriptor");
    REQUIRE_FALSE(first->failed);
    co_return;
}

CO_TEST_CASE("no more than so many are looked at at the same time", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    constexpr std::size_t all = reach_table::looks_most + 10;
    for (std::uint64_t i = 0; i < all; ++i) static_cast<void>(reach.ask({7, i}, start));
    ids looked = reach.take_due(start);
    REQUIRE(looked.size() == reach_table::looks_most);
    REQUIRE_FALSE(reach.next_due());
    REQUIRE(reach.take_due(start).empty());
    reach.ended(looked.back(), start);
    REQUIRE(reach.next_due() == start);
    REQUIRE(reach.take_due(start).size() == 1);
    reach.forget(looked.front());
    REQUIRE(reach.take_due(start).empty());
    reach.ended(looked.front(), start);
    REQUIRE(reach.take_due(start).size() == 1);
    co_return;
}

CO_TEST_CASE("who is gone is not looked at, and who waits for that is told", "[matchmaker]") {
    reach_table reach(ping, gone_after);
    static_cast<void>(reach.failed(one, start));
    const auto asked = reach.ask(one, start);
    const auto waits = reach.ask(other, start);
    reach.forget_if([](rpc::instance_id id) { return id == one; });
    REQUIRE(asked->over.is_set());
    REQUIRE(reach.unreached() == 0);
    REQUIRE(reach.take_due(start + 1h) == ids{other});
    reach.stop();
    REQUIRE(waits->over.is_set());
    co_return;
}
