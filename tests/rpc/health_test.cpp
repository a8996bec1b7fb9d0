// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/health.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::health_state;

namespace {

/// Until the watch ends.
task<> take_all(rpc::health& of, std::string service, std::vector<health_state>& into) {
    auto states = of.watch(std::move(service));
    while (auto state = co_await states.next()) into.push_back(*state);
}

}  // namespace

CO_TEST_CASE("what is offered serves from the first listen() on", "[rpc][health]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    there.server.set_health("database", health_state::not_serving);
    co_await there.server.listen(where);
    auto here = co_await rpc::connect<rpc::health>(where);
    auto whole = co_await here->check("");
    auto subject = co_await here->check("test.subject.v1");
    auto database = co_await here->check("database");
    auto none = co_await here->check("test.none");
    auto all = co_await here->list();
    CHECK(whole == health_state::serving);
    CHECK(subject == health_state::serving);
    CHECK(database == health_state::not_serving);
    CHECK(none == health_state::unknown);
    CHECK(all == std::map<std::string, health_state>{{"", health_state::serving},
                                                     {"conduit.describe", health_state::serving},
                                                     {"conduit.health", health_state::serving},
                                                     {"conduit.stats", health_state::serving},
                                                     {"database", health_state::not_serving},
                                                     {"test.subject.v1", health_state::serving}});
}

CO_TEST_CASE("a watcher is told the present state and each change", "[rpc][health]") {
    auto [ours, theirs] = make_memory_stream_pair();
    test::subject_server there;
    there.server.serve(any_stream(std::move(theirs)));
    rpc::client<rpc::health> here{any_stream(std::move(ours))};
    auto states = here->watch("test.subject.v1");
    auto first = co_await states.next();
    there.server.set_health("test.subject.v1", health_state::not_serving);
    auto second = co_await states.next();
    there.server.set_health("test.subject.v1", health_state::not_serving);
    there.server.set_health("other", health_state::serving);
    co_await test::settle();
    there.server.set_health("test.subject.v1", health_state::serving);
    auto third = co_await states.next();
    CHECK(first == health_state::serving);
    CHECK(second == health_state::not_serving);
    CHECK(third == health_state::serving);
}

CO_TEST_CASE("a service that comes later is watched as unknown until then", "[rpc][health]") {
    rpc::health_service here;
    auto states = here.watch("late");
    auto first = co_await states.next();
    here.set("late", health_state::serving);
    here.set("late", health_state::not_serving);
    auto second = co_await states.next();
    CHECK(first == health_state::unknown);
    CHECK(second == health_state::not_serving);
}

CO_TEST_CASE("a wait for a change that is ended leaves the watch as it was", "[rpc][health]") {
    rpc::health_service here;
    auto states = here.watch("");
    auto first = co_await states.next();
    bool timed_out = false;
    try {
        co_await within(1ms, states.next());
    } catch (const std::system_error& why) {
        timed_out = why.code() == errc::timed_out;
    }
    here.serve_all();
    auto second = co_await states.next();
    CHECK(first == health_state::not_serving);
    CHECK(timed_out);
    CHECK(second == health_state::serving);
}

CO_TEST_CASE("watchers learn that a server drains before their connection goes", "[rpc][health]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await rpc::connect<rpc::health>(where);
    auto busy = co_await test::connect_subject(where);
    std::vector<health_state> of_server;
    std::vector<health_state> of_subject;
    auto watching = scope.spawn(take_all(*here, "", of_server));
    auto watching_too = scope.spawn(take_all(*here, "test.subject.v1", of_subject));
    auto held = scope.spawn(test::try_hold(*busy));
    co_await test::until_held(there.object, 1);
    co_await test::settle();
    auto draining = scope.spawn(there.server.drain());
    co_await watching;  // throws where they were cut off instead
    co_await watching_too;
    const std::vector<health_state> expected{health_state::serving, health_state::not_serving};
    const bool drained_early = draining.is_done();
    held.request_stop();
    const auto end_of_held = co_await held;
    static_cast<void>(end_of_held);
    co_await draining;
    CHECK(of_server == expected);
    CHECK(of_subject == expected);
    CHECK_FALSE(drained_early);  // a call is still under way
}

CO_TEST_CASE("a check is answered also where calls_max is reached", "[rpc][health][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().calls_max(1));
    co_await there.server.listen(where);
    auto busy = co_await test::connect_subject(where);
    auto here = co_await rpc::connect<rpc::health>(where);
    auto held = scope.spawn(test::try_hold(*busy));
    co_await test::until_held(there.object, 1);
    auto refused = co_await rpc::try_call(busy->touch());
    auto state = co_await here->check("test.subject.v1");
    auto all = co_await here->list();
    auto states = here->watch("");
    auto watched = co_await rpc::try_call(states.next());
    held.request_stop();
    const auto end_of_held = co_await held;
    static_cast<void>(end_of_held);
    CHECK(refused.error().code() == rpc::status::resource_exhausted);
    CHECK(state == health_state::serving);
    CHECK(all.size() == 5);
    CHECK(watched.error().code() == rpc::status::resource_exhausted);
    CHECK(there.server.stats().limits.at("calls_max") == 2);
}

TEST_CASE("states have names, and numbers that are none do not", "[rpc][health]") {
    CHECK(to_string(health_state::serving) == "serving");
    CHECK(to_string(health_state::not_serving) == "not_serving");
    CHECK(to_string(static_cast<health_state>(9)) == "unknown");
}
