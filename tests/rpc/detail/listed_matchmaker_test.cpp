// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/listed_matchmaker.hpp>

#include "../../support/co_test.hpp"
#include "../../support/settle.hpp"
#include "instances.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::listed_matchmaker;
using kind = rpc::watch_event_kind;

namespace {

/// g++ 12 takes no list in braces in a coroutine that has its elements as locals.
template <class... Offer>
std::vector<rpc::instance_offer> list_of(const Offer&... offers) {
    return {offers...};
}

task<result<rpc::found_instances, rpc::fault>> try_find(listed_matchmaker& of, std::string name) {
    rpc::instance_query query;
    query.name = std::move(name);
    co_return co_await rpc::try_call(of.find(query));
}

task<rpc::watch_event> next_of(stream<rpc::watch_event>& changes) {
    auto event = co_await changes.next();
    co_return std::move(*event);
}

}  // namespace

CO_TEST_CASE("a list answers with its source and its age", "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    list.use(
        list_of(test::offer_of("demo.x", "unix:/a", 1), test::offer_of("demo.x", "unix:/b", 9)),
        clock::now());
    co_await sleep_for(5ms);
    auto found = co_await list.lookup(test::query_of("demo.x"));
    auto other = co_await list.lookup(test::query_of("demo.y"));
    rpc::instance_query european = test::query_of("demo.x");
    european.tags.emplace_back("eu");
    auto tagged = co_await list.lookup(european);
    REQUIRE(found.source == rpc::answer_source::file);
    REQUIRE(found.age >= 5ms);
    REQUIRE(found.at == rpc::table_position{1, 1});
    REQUIRE(found.instances.size() == 2);
    REQUIRE(found.instances[0].offer.address == "unix:/b");
    REQUIRE(other.instances.empty());
    REQUIRE(tagged.instances.empty());
}

CO_TEST_CASE("what stays in a list keeps its number, and what is the same is no change",
             "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    const rpc::instance_offer a = test::offer_of("demo.x", "unix:/a");
    const rpc::instance_offer b = test::offer_of("demo.x", "unix:/b");
    const rpc::name_pattern all{"", true};
    list.use(list_of(a, b), clock::now());
    auto first = co_await list.list(all, std::nullopt, 16);
    list.use(list_of(b, a), clock::now());
    auto same = co_await list.list(all, std::nullopt, 16);
    list.use(list_of(b), clock::now());
    list.use(list_of(b, a), clock::now());
    auto last = co_await list.list(all, std::nullopt, 16);
    REQUIRE(first.at == same.at);
    REQUIRE(first.instances == same.instances);
    REQUIRE(last.at.revision == 3);
    REQUIRE(last.instances[0].id == first.instances[1].id);
    REQUIRE(last.instances[1].id.number == 3);
}

CO_TEST_CASE("a list is told in pages", "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    list.use(list_of(test::offer_of("demo.b"), test::offer_of("demo.a"), test::offer_of("else.c")),
             clock::now());
    const rpc::name_pattern demo{"demo.", true};
    auto first = co_await list.list(demo, std::nullopt, 1);
    const rpc::index_key after{first.instances[0].offer.name, first.instances[0].id};
    auto second = co_await list.list(demo, after, 16);
    auto none = co_await rpc::try_call(list.list(demo, std::nullopt, 0));
    auto many = co_await rpc::try_call(list.list(demo, std::nullopt, 257));
    REQUIRE(first.instances.size() == 1);
    REQUIRE(first.instances[0].offer.name == "demo.a");
    REQUIRE(second.instances.size() == 1);
    REQUIRE(second.instances[0].offer.name == "demo.b");
    REQUIRE(none.error().code() == rpc::status::invalid_argument);
    REQUIRE(many.error().text() == "a page has 1 to 256, not 257");
}

CO_TEST_CASE("find waits until it is in the list", "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    auto finding = scope.spawn(try_find(list, "demo.x"));
    co_await test::settle();
    list.use(list_of(test::offer_of("demo.y")), clock::now());
    co_await test::settle();
    const bool early = finding.is_done();
    list.use(list_of(test::offer_of("demo.x")), clock::now());
    auto found = co_await finding;
    auto late = co_await within(1ms, try_find(list, "demo.z"));
    auto last = scope.spawn(try_find(list, "demo.z"));
    co_await test::settle();
    list.shut();
    auto over = co_await last;
    REQUIRE_FALSE(early);
    REQUIRE(found->instances.size() == 1);
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(over.error().code() == rpc::status::unavailable);
}

CO_TEST_CASE("a watch of a list tells what a new list changed", "[rpc][matchmaker][watch]") {
    listed_matchmaker list("'file:/x'");
    rpc::instance_offer a = test::offer_of("demo.x", "unix:/a");
    const rpc::instance_offer b = test::offer_of("demo.x", "unix:/b");
    list.use(list_of(a, b), clock::now());
    const rpc::name_pattern demo{"demo.x", false};
    auto changes = list.watch(demo, std::nullopt);
    std::vector<kind> kinds;
    rpc::table_position at;
    for (int i = 0; i < 4; ++i) {
        auto event = co_await next_of(changes);
        kinds.push_back(event.kind);
        at = event.at;
    }
    a.weight = 1;
    list.use(list_of(a, test::offer_of("demo.x", "unix:/c"), test::offer_of("demo.y")),
             clock::now());
    auto gone = co_await next_of(changes);
    auto changed = co_await next_of(changes);
    auto added = co_await next_of(changes);
    auto resumed = list.watch(demo, added.at);
    auto waiting = scope.spawn(next_of(resumed));
    co_await test::settle();
    list.use({}, clock::now());
    auto next = co_await waiting;
    REQUIRE(kinds == std::vector<kind>{kind::resync, kind::present, kind::present, kind::complete});
    REQUIRE(at.revision == 1);
    REQUIRE(gone.change == rpc::change_kind::gone);
    REQUIRE(gone.what.offer.address == "unix:/b");
    REQUIRE(gone.detail == "it is not in the list any more");
    REQUIRE(changed.change == rpc::change_kind::changed);
    REQUIRE(changed.what.offer.weight == 1);
    REQUIRE(added.change == rpc::change_kind::announced);
    REQUIRE(added.at.revision == 2);
    REQUIRE(next.kind == kind::change);
    REQUIRE(next.at.revision == 3);
}

CO_TEST_CASE("what a list has can be announced, and what it has not is refused",
             "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    const rpc::instance_offer offer = test::offer_of("demo.x", "unix:/a");
    list.use(list_of(offer), clock::now());
    auto taken = co_await list.announce(offer);
    const rpc::instance_offer elsewhere = test::offer_of("demo.x", "unix:/b");
    auto refused = co_await rpc::try_call(list.announce(elsewhere));
    const rpc::instance_update same;
    const rpc::instance_id nobody{1, 9};
    auto known = co_await list.update(taken.id, same);
    auto unknown = co_await rpc::try_call(list.update(nobody, same));
    auto left = co_await list.withdraw(taken.id);
    auto still = co_await list.lookup(test::query_of("demo.x"));
    REQUIRE(refused.error().code() == rpc::status::failed_precondition);
    REQUIRE(refused.error().text() ==
            "'file:/x' is a list that somebody wrote, and does not have this: demo.x 'unix:/b'");
    REQUIRE(known == left);
    REQUIRE(unknown.error().code() == rpc::status::not_found);
    REQUIRE(still.instances.size() == 1);
}

CO_TEST_CASE("a list says how it is, and makes no connections", "[rpc][matchmaker]") {
    listed_matchmaker list("'file:/x'");
    list.use(list_of(test::offer_of("demo.x")), clock::now());
    auto status = co_await list.status();
    auto waits = co_await list.waits(0, 0);
    auto refused = co_await rpc::try_call(list.connect(test::query_of("demo.x")));
    REQUIRE(status.source == rpc::answer_source::file);
    REQUIRE(status.counts.at("instances") == 1);
    REQUIRE(waits.empty());
    REQUIRE(refused.error().code() == rpc::status::failed_precondition);
}
