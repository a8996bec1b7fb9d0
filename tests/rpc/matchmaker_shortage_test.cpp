// SPDX-License-Identifier: BSL-1.0
//
// What a matchmaker that has run out of descriptors says, and of whom: nobody is taken for gone for
// what the matchmaker lacks. And how many of its own it has open for one user.

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fail_nth_call.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/raw_peer.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/matchmaker_service.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr int never = std::numeric_limits<int>::max();

/// Each call of the kernel's that `body` makes once it has armed the plan fails in turn, for want
/// of a descriptor.
void with_each_call_failing(task<> (*body)(test::call_plan& plan, int nth)) {
    for (int nth = 1;; ++nth) {
        test::call_plan plan(never, EMFILE);
        scheduler(test::make_backend_that_fails(plan), scheduler_options()).run(body(plan, nth));
        if (plan.was_reached()) continue;
        REQUIRE(nth > 1);
        return;
    }
}

/// Done, or refused for want of something, and then it says for want of what.
template <class T>
bool is_honest(const result<T, rpc::fault>& came) {
    if (came) return true;
    UNSCOPED_INFO(came.error().what());
    const std::string_view text = came.error().text();
    return came.error().code() == rpc::status::resource_exhausted &&
           text.find("Too many open files") != std::string_view::npos;
}

rpc::instance own_instance(std::uint64_t epoch) {
    const auto born = current_kernel().identity_of(::getpid()).value();
    rpc::instance one;
    one.id = {epoch, 1};
    one.owner = {::geteuid(), ::getpid(), born.boot, born.start_time};
    one.offer.name = "demo.echo";
    one.offer.address = "unix:/run/x";
    return one;
}

task<bool> is_connected(rpc::matchmaker_interface& at) {
    const rpc::instance_query query = test::query_of("demo.echo");
    auto made = co_await rpc::try_call(at.connect(query));
    co_return made.has_value();
}

/// Asks for so many connections at a time, over one.
task<int> ask_for_connections(std::string where, int times) {
    auto there = co_await test::connect_matchmaker(std::move(where));
    task_scope scope;
    std::vector<child<bool>> asked;
    for (int i = 0; i < times; ++i) asked.push_back(scope.spawn(is_connected(*there)));
    int made = 0;
    for (auto& each : asked) {
        const bool is_made = co_await each;
        if (is_made) ++made;
    }
    co_await scope.join();
    co_return made > 0 && made < times ? 0 : 1;
}

const test::helper asks("asks for many connections", [](const test::helper_arguments& given) {
    return run(ask_for_connections(given.at(0), std::stoi(given.at(1))));
});

/// Counts who connects, until it is stopped.
task<> count_visits(unix_listener& at, std::uint64_t& visits) {
    while (auto peer = co_await at.accept()) ++visits;
}

task<int> exit_code_of(test::child_process& child) {
    auto copy = current_kernel().duplicate_native(child.handle().native().value());
    auto handle = io_handle::attach(std::move(copy.value())).value();
    auto ended = co_await handle.readable();
    static_cast<void>(ended);
    co_return child.wait().code;
}

}  // namespace

TEST_CASE("a matchmaker without a descriptor left takes no announcement, and says why",
          "[rpc][matchmaker][fault]") {
    with_each_call_failing([](test::call_plan& plan, int nth) -> task<> {
        test::matchmaker_place there;
        co_await there.start();
        auto service = co_await there.connect();
        auto socket = there.listen("echo");
        const rpc::instance_offer at_path = socket.offer("demo.echo");
        rpc::instance_offer at_port = at_path;
        at_port.address = "tcp:127.0.0.1:9";
        static_cast<void>(co_await service->status());  // the server knows who that is
        plan.arm(nth);
        auto first = co_await rpc::try_call(service->announce(at_path));
        auto second = co_await rpc::try_call(service->announce(at_port));
        plan.disarm();
        auto again = co_await rpc::try_call(service->announce(at_path));
        REQUIRE(is_honest(first));
        REQUIRE(is_honest(second));
        REQUIRE(again);
    });
}

TEST_CASE("a matchmaker without a descriptor left takes nobody for gone whom it cannot look at",
          "[rpc][matchmaker][fault]") {
    with_each_call_failing([](test::call_plan& plan, int nth) -> task<> {
        test::matchmaker_place there(rpc::matchmaker_options().gone_after(1));
        co_await there.start();
        auto service = co_await there.connect();
        auto client = co_await there.connect();
        auto socket = there.listen("echo");
        auto announced = co_await service->announce(socket.offer("demo.echo"));
        static_cast<void>(co_await client->status());  // the server knows who that is
        plan.arm(nth);
        auto reported = co_await rpc::try_call(client->report_unreachable(announced.id));
        auto connected = co_await rpc::try_call(client->connect(test::query_of("demo.echo")));
        plan.disarm();
        auto found = co_await service->lookup(test::query_of("demo.echo"));
        // The client is in this process: it may have had no descriptor left to take what it got.
        const bool was_let_in =
            connected || connected.error().text().find("not let in") == std::string_view::npos;
        REQUIRE(is_honest(reported));
        REQUIRE((!was_let_in || is_honest(connected)));
        REQUIRE(found.instances.size() == 1);
        REQUIRE(found.instances[0].state == rpc::instance_state::alive);
    });
}

TEST_CASE("a successor without a descriptor left takes nobody for dead whom it cannot look at",
          "[rpc][matchmaker][fault]") {
    with_each_call_failing([](test::call_plan& plan, int nth) -> task<> {
        const rpc::detail::first_come_policy policy;
        rpc::detail::matchmaker_service service(rpc::matchmaker_options(), 8, policy);
        rpc::detail::registry_snapshot before;
        before.epoch = 7;
        before.instances.push_back(own_instance(7));
        plan.arm(nth);
        bool was_refused = false;
        try {
            static_cast<void>(service.adopt(before));
        } catch (const rpc::fault& why) {
            was_refused = why.code() == rpc::status::resource_exhausted;
        }
        co_await test::settle();
        plan.disarm();
        REQUIRE((was_refused || service.snapshot().instances.size() == 1));
    });
}

CO_TEST_CASE("the handles that are open for a user are limited, and the text says to how many",
             "[rpc][matchmaker][limit]") {
    const auto patience = test::is_real() ? 1h : 10s;  // of which the latter costs nothing
    test::matchmaker_place there(
        rpc::matchmaker_options().handles_max(2, 100).accept_within(patience));
    co_await there.start();
    auto service = co_await there.connect();
    auto listener =
        unix_listener::listen(there.folder.path("busy"), unix_listen_options().backlog_max(1))
            .value();
    std::vector<unix_stream> waiting;
    for (;;) {
        auto one = co_await within(20ms, unix_stream::connect(there.folder.path("busy")));
        if (!one) break;
        waiting.push_back(std::move(*one));
    }
    rpc::instance_offer offer;
    offer.name = "demo.busy";
    offer.address = "unix:" + there.folder.path("busy");
    const auto announce = [](rpc::matchmaker_interface& at,
                             rpc::instance_offer what) -> task<rpc::fault> {
        const rpc::instance_offer own = std::move(what);
        auto tried = co_await rpc::try_call(at.announce(own));
        co_return tried ? rpc::fault(rpc::status::ok, "announced") : tried.error();
    };
    std::vector<child<rpc::fault>> all;
    for (int i = 0; i < 3; ++i) all.push_back(scope.spawn(announce(*service, offer)));
    auto status = co_await service->status();
    while (status.counts["refused"] == 0) status = co_await service->status();
    const std::uint64_t while_refused = status.counts["handles"];
    // Nobody is late where that is a matter of real time: there they are let in.
    std::uint64_t visits = 0;
    std::vector<child<void>> accepting;
    if (test::is_real()) accepting.push_back(scope.spawn(count_visits(listener, visits)));
    int late = 0;
    int let_in = 0;
    std::string refusal;
    for (auto& each : all) {
        const rpc::fault came = co_await each;
        if (came.code() == rpc::status::ok) ++let_in;
        if (came.code() == rpc::status::unavailable) ++late;
        if (came.code() == rpc::status::resource_exhausted) refusal = came.text();
    }
    for (auto& each : accepting) each.request_stop();
    for (auto& each : accepting) co_await each;
    status = co_await service->status();
    REQUIRE(while_refused == 2);
    REQUIRE((test::is_real() ? let_in : late) == 2);
    REQUIRE(refusal.find("has 2 handles and wants 1 more, of at most 2 (handles_per_user_max)") !=
            std::string::npos);
    REQUIRE(status.counts["handles"] == 0);
    REQUIRE(status.counts["refused"] == 1);
}

CO_TEST_CASE("of handles that wait for who asked for them there are no more than his share",
             "[rpc][matchmaker][limit][fault]") {
    test::needs_processes();
    constexpr std::uint64_t asked = 1000;  // more than the kernel keeps for one connection
    constexpr std::uint64_t handles_max = 512;
    rpc::server_options served;
    served.each(rpc::connection_options().calls_max(asked));
    test::matchmaker_place there(
        rpc::matchmaker_options().server(served).handles_max(handles_max, 10'000));
    co_await there.start();
    auto service = co_await there.connect();
    auto greedy = test::child_process::helper("asks for many connections",
                                              {there.where, std::to_string(asked)});
    auto status = co_await service->status();
    while (status.counts["waits"] < asked) status = co_await service->status();
    greedy.stop();
    auto socket = there.listen("echo");
    std::uint64_t visits = 0;
    auto counting = scope.spawn(count_visits(socket.listener(), visits));
    auto announced = co_await service->announce(socket.offer("demo.echo"));
    std::uint64_t most = 0;
    do {
        status = co_await service->status();
        most = std::max(most, status.counts["handles"]);
    } while (visits + status.counts["refused"] < asked + 1);  // one of them looked at the offer
    const std::uint64_t refused = status.counts["refused"];
    const std::uint64_t waiting = status.counts["handles"];
    greedy.resume();
    auto code = co_await exit_code_of(greedy);
    while (status.counts["handles"] > 0) status = co_await service->status();
    counting.request_stop();
    co_await counting;
    REQUIRE(announced.id.number == 1);
    REQUIRE(code == 0);
    REQUIRE(most <= handles_max);
    REQUIRE(waiting > 0);
    REQUIRE(refused > 0);
}

CO_TEST_CASE("a matchmaker lets in no handles, which no method of its takes",
             "[rpc][matchmaker][handles][fault]") {
    test::needs_processes();
    test::matchmaker_place there;
    co_await there.start();
    auto socket = co_await unix_stream::connect(there.folder.path("matchmaker.sock"));
    test::raw_peer peer{any_stream(std::move(socket.value()))};
    test::bytes hello = test::greeting();
    co_await peer.send(std::move(hello));
    co_await peer.until_greeted();
    std::vector<unique_fd> one;
    one.push_back(std::move(current_kernel().make_pipe().value().first));
    test::bytes half(1, std::byte{0});  // of a frame, so that nothing is known of what it is for
    co_await peer.send_with(std::move(half), std::move(one));
    co_await peer.until_told_off();
    REQUIRE(peer.settings->handles_max == 0);
}
