// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/server_group.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/health.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <catch2/catch.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace conduit {
namespace {

using namespace std::chrono_literals;

class located {
public:
    virtual ~located() = default;
    /// Which of the objects this is, counted from 0.
    virtual task<std::int64_t> number() = 0;
    virtual task<> hold() = 0;
};
CONDUIT_INTERFACE(located, "test.located.v1", number, hold)

/// What all objects tell of.
struct tally {
    std::atomic<int> made{0};
    std::atomic<int> gone{0};
    std::atomic<int> served{0};
    std::atomic<int> holding{0};
    std::atomic<int> astray{0};  // calls on another thread than the object was made on
};

class located_object final : public located {
public:
    explicit located_object(tally& of)
        : of_(of), number_(of.made++), home_(&scheduler::current()) {}
    ~located_object() override {
        if (&scheduler::current() != home_) ++of_.astray;
        ++of_.gone;
    }

    task<std::int64_t> number() override {
        if (&scheduler::current() != home_) ++of_.astray;
        ++of_.served;
        co_return number_;
    }
    task<> hold() override {
        event never;
        ++of_.holding;
        co_await never.wait();
        --of_.holding;
    }

private:
    tally& of_;
    std::int64_t number_;
    scheduler* home_;
};

void offer_located(rpc::server_group& group, tally& of) {
    group.offer<located>([&of] { return std::make_unique<located_object>(of); });
}

/// Runs `body` on the first of two workers of each kernel.
void on_two_workers(task<> (*body)(runtime&, const test::temp_dir&)) {
    for (const backend_kind kind : test::kernel_backends()) {
        const test::temp_dir folder;
        runtime workers(2, scheduler_options().backend(kind));
        workers.run(body(workers, folder));
    }
}

using clients = std::vector<rpc::client<located>>;

task<clients> connect_some(std::string where, int count) {
    const std::string place = std::move(where);
    clients all;
    for (int i = 0; i < count; ++i) {
        auto one = co_await rpc::connect<located>(place);
        co_await one->number();
        all.push_back(std::move(one));
    }
    co_return all;
}

task<result<void, rpc::fault>> try_hold(located& there) {
    auto held = co_await rpc::try_call(there.hold());
    co_return held;
}

task<> until_holding(const tally& all, int count) {
    while (all.holding.load() < count) co_await test::come_round();
}

task<> deal_out(std::string where, rpc::server_group& group, tally& all) {
    clients here = co_await connect_some(std::move(where), 4);
    std::map<std::int64_t, int> by_object;
    for (auto& each : here) {
        const std::int64_t number = co_await each->number();
        ++by_object[number];
    }
    const rpc::server_counters counters = co_await group.counters();
    CHECK(by_object[0] == 2);
    CHECK(by_object[1] == 2);
    CHECK(group.connections_now() == 4);
    CHECK(counters.accepted == 4);
    CHECK(counters.connections.calls_served == 8);
    CHECK(all.astray == 0);
}

std::uint64_t calls_of(const rpc::server_stats& said, std::string_view method) {
    for (const rpc::method_stats& each : said.methods) {
        if (each.method == method) return each.ended();
    }
    return 0;
}

task<> tell_of_all(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    tally all;
    rpc::server_group group(workers);
    offer_located(group, all);
    group.set_health("before", rpc::health_state::serving);
    co_await group.listen(where);
    const clients here = co_await connect_some(where, 4);
    auto numbers = co_await rpc::connect<rpc::stats>(where);  // at one worker,
    auto state = co_await rpc::connect<rpc::health>(where);   // at the other
    auto state_too = co_await rpc::connect<rpc::health>(where);
    const rpc::server_stats said = co_await numbers->now();
    const std::string text = co_await numbers->prometheus();
    const rpc::server_stats own = co_await group.stats();
    const auto before = co_await state->check("before");
    const auto before_too = co_await state_too->check("before");
    const auto located_there = co_await state->check("test.located.v1");
    group.set_health("test.located.v1", rpc::health_state::not_serving);
    co_await group.stats();  // comes by on each worker behind that
    const auto after = co_await state->check("test.located.v1");
    const auto after_too = co_await state_too->check("test.located.v1");
    CHECK(calls_of(said, "test.located.v1/number") == 4);
    CHECK(said.connections_now == 7);
    CHECK(said.accepted == 7);
    CHECK(said.limits.at("calls_max") == 0);
    CHECK(text.find("conduit_connections 7\n") != std::string::npos);
    CHECK(calls_of(own, "test.located.v1/number") == 4);
    CHECK(calls_of(own, "conduit.stats/now") == 1);
    CHECK(before == rpc::health_state::serving);
    CHECK(before_too == rpc::health_state::serving);
    CHECK(located_there == rpc::health_state::serving);
    CHECK(after == rpc::health_state::not_serving);
    CHECK(after_too == rpc::health_state::not_serving);
    co_await group.drain();
}

/// So that nothing is cut off because a worker is off the CPU.
rpc::server_options patient() { return rpc::server_options().drain_within(1h); }

task<> deal_out_everywhere(runtime& workers, const test::temp_dir& folder) {
    tally all;
    const std::vector<std::string> places{"unix:" + folder.path("s"), "fifo:" + folder.path("f"),
                                          "tcp:127.0.0.1:0"};
    for (const std::string& place : places) {
        all.made = 0;
        all.gone = 0;
        rpc::server_group group(workers, patient());
        offer_located(group, all);
        const address at = co_await group.listen(place);
        CHECK(all.made == 2);
        co_await deal_out(to_string(at), group, all);
        const rpc::drain_outcome end = co_await group.drain();
        const rpc::server_counters last = co_await group.counters();
        CHECK(end.is_clean());
        CHECK(group.connections_now() == 0);
        CHECK(last.ended == 4);
        CHECK(all.gone == all.made);
    }
}

task<> pass_everything(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    rpc::server_group group(workers, patient());
    group.offer<test::subject>([] { return std::make_unique<test::local_subject>(); });
    co_await group.listen(where);
    auto first = co_await test::connect_subject(where);
    co_await first->touch();
    auto second = co_await test::connect_subject(where);
    for (const auto* each : {&first, &second}) {
        co_await test::try_every_shape(**each);
        co_await test::try_handles(**each);
        const std::int64_t user = co_await (*each)->who_calls();
        CHECK(user == ::geteuid());
    }
    co_await first.close();
    co_await second.close();
    const rpc::drain_outcome end = co_await group.drain();
    CHECK(end.is_clean());
}

bool says(const rpc::fault& why, std::string_view words) {
    return why.text().find(words) != std::string_view::npos;
}

task<rpc::fault> fault_of_connecting(std::string where) {
    auto late = co_await rpc::try_call(connect_some(std::move(where), 1));
    co_return late.error();
}

task<> reach_limits(runtime& workers, const test::temp_dir& folder) {
    const std::string by_user = "unix:" + folder.path("a");
    const std::string in_all = "unix:" + folder.path("b");
    tally all;
    rpc::server_group few(workers, rpc::server_options().connections_per_user_max(3));
    rpc::server_group fewer(workers, rpc::server_options().connections_max(2));
    offer_located(few, all);
    offer_located(fewer, all);
    co_await few.listen(by_user);
    co_await fewer.listen(in_all);
    const clients three = co_await connect_some(by_user, 3);
    const clients two = co_await connect_some(in_all, 2);
    const rpc::fault fourth = co_await fault_of_connecting(by_user);
    const rpc::fault third = co_await fault_of_connecting(in_all);
    const rpc::server_counters counters = co_await few.counters();
    CHECK(says(fourth, "(connections_per_user_max)"));
    CHECK(says(third, "there are 2 connections, of at most 2 (connections_max)"));
    CHECK(counters.refused == 1);
    CHECK(three.size() + two.size() == 5);
    co_await few.drain();
    co_await fewer.drain();
}

task<> push_out_strangers(runtime& workers, const test::temp_dir& folder) {
    const std::string where = folder.path("s");
    tally all;
    rpc::server_group group(workers, rpc::server_options().strangers_max(2));
    offer_located(group, all);
    co_await group.listen("unix:" + where);
    std::vector<unix_stream> silent;
    for (int i = 0; i < 5; ++i) {
        auto one = co_await unix_stream::connect(where);
        silent.push_back(std::move(one.value()));
    }
    const clients here = co_await connect_some("unix:" + where, 1);
    const rpc::server_counters counters = co_await group.counters();
    CHECK(counters.pushed_out >= 3);
    CHECK(here.size() == 1);
    co_await group.drain();
}

task<> stop_when_asked(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    tally all;
    rpc::server_group group(workers, patient());
    offer_located(group, all);
    co_await group.listen(where);
    task_scope scope;
    auto running = scope.spawn(group.run());
    clients here = co_await connect_some(where, 2);
    auto first = scope.spawn(try_hold(*here[0]));
    auto second = scope.spawn(try_hold(*here[1]));
    co_await until_holding(all, 2);
    running.request_stop();
    co_await test::settle();  // it is this worker that listens
    const rpc::fault refused = co_await fault_of_connecting(where);
    const bool early = running.is_done();
    first.request_stop();
    second.request_stop();
    const rpc::drain_outcome end = co_await running;
    CHECK_FALSE(early);
    CHECK(refused.code() == rpc::status::unavailable);
    CHECK(end.is_clean());
    CHECK(all.holding == 0);
}

task<> cut_off(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    tally all;
    rpc::server_group group(workers, rpc::server_options().drain_within(1ms));
    offer_located(group, all);
    co_await group.listen(where);
    task_scope scope;
    auto running = scope.spawn(group.run());
    clients here = co_await connect_some(where, 3);
    std::vector<child<result<void, rpc::fault>>> held;
    for (auto& each : here) held.push_back(scope.spawn(try_hold(*each)));
    co_await until_holding(all, 3);
    group.stop();
    const rpc::drain_outcome end = co_await running;
    for (auto& each : held) {
        const auto why = co_await each;
        CHECK(why.error().may_have_run());
    }
    CHECK(end.connections_cut() == 3);
    CHECK(end.calls_cut() == 3);
    CHECK(all.holding == 0);
}

task<> fail_once(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    tally all;
    int calls = 0;
    rpc::server_group group(workers);
    group.offer<located>([&all, &calls]() -> std::unique_ptr<located> {
        if (++calls == 2) throw std::runtime_error("no database");
        return std::make_unique<located_object>(all);
    });
    std::string why;
    try {
        co_await group.listen(where);
    } catch (const std::runtime_error& failed) {
        why = failed.what();
    }
    const rpc::fault nobody = co_await fault_of_connecting(where);
    co_await group.listen(where);
    const clients here = co_await connect_some(where, 2);
    CHECK(why == "no database");
    CHECK(nobody.code() == rpc::status::unavailable);
    CHECK(all.made == 3);
    CHECK(all.gone == 1);
    CHECK(group.connections_now() == 2);
    co_await group.drain();
    CHECK(all.gone == 3);
}

task<> vanish(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    static tally all;  // its last words come when the workers end
    all.made = 0;
    clients here;
    task_scope scope;
    std::vector<child<result<void, rpc::fault>>> held;
    {
        rpc::server_group group(workers);
        offer_located(group, all);
        co_await group.listen(where);
        here = co_await connect_some(where, 2);
        for (auto& each : here) held.push_back(scope.spawn(try_hold(*each)));
        co_await until_holding(all, 2);
    }
    for (auto& each : held) {
        const auto why = co_await each;
        CHECK(why.error().code() == rpc::status::unavailable);
    }
}

/// Calls until there is no answer any more.
task<> call_until_the_end(located& there, std::atomic<int>& answered, int enough, event& many) {
    for (;;) {
        const auto number = co_await rpc::try_call(there.number());
        if (!number) co_return;
        if (++answered == enough) many.set();
    }
}

/// A process of its own, as far as the workers can see.
task<> load(std::string where, std::atomic<int>& answered, scheduler& home, event& many) {
    clients here = co_await connect_some(std::move(where), 8);
    event enough;
    task_scope scope;
    for (auto& each : here) {
        for (int i = 0; i < 4; ++i) scope.spawn(call_until_the_end(*each, answered, 1000, enough));
    }
    co_await enough.wait();
    home.post([&many] { many.set(); });
    co_await scope.join();
}

task<> stop_under_load(runtime& workers, const test::temp_dir& folder) {
    const std::string where = "unix:" + folder.path("s");
    tally all;
    std::atomic<int> answered{0};
    event many;
    rpc::server_group group(workers, patient());
    offer_located(group, all);
    co_await group.listen(where);
    scheduler& home = scheduler::current();
    const scheduler_options options = home.options();
    std::thread others([&] { scheduler(options).run(load(where, answered, home, many)); });
    co_await many.wait();
    const rpc::drain_outcome end = co_await group.drain();
    others.join();
    CHECK(end.is_clean());
    CHECK(all.served == answered + 8);
    CHECK(all.astray == 0);
}

constexpr int socket_there = 3;

task<int> serve_inherited(runtime& workers) {
    rpc::server_group group(workers, patient());
    group.offer<test::subject>([] { return std::make_unique<test::local_subject>(); });
    const std::size_t sockets = co_await group.listen_at_inherited();
    const rpc::drain_outcome end = co_await group.run();
    co_return sockets == 1 ? end.exit_status() : 1;
}

const test::helper activated("serves inherited sockets on two workers",
                             [](const test::helper_arguments&) {
                                 ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
                                 ::setenv("LISTEN_FDS", "1", 1);
                                 runtime workers(2);
                                 return workers.run_until_signal(serve_inherited(workers));
                             });

}  // namespace
}  // namespace conduit

using namespace conduit;

TEST_CASE("connections go to the worker that has the fewest, wherever they come from",
          "[rpc][server][threads]") {
    on_two_workers(deal_out_everywhere);
}

TEST_CASE("who connected and what came along survive the way to another worker",
          "[rpc][server][threads]") {
    on_two_workers(pass_everything);
}

TEST_CASE("health and numbers are those of the whole group, whichever worker is asked",
          "[rpc][server][threads][stats]") {
    on_two_workers(tell_of_all);
}

TEST_CASE("the limits of connections hold for a group as a whole", "[rpc][server][threads]") {
    on_two_workers(reach_limits);
}

TEST_CASE("strangers of all workers make room for who speaks", "[rpc][server][threads]") {
    on_two_workers(push_out_strangers);
}

TEST_CASE("a group that is stopped lets the calls of all workers end", "[rpc][server][threads]") {
    on_two_workers(stop_when_asked);
}

TEST_CASE("a group tells what was cut off on all workers", "[rpc][server][threads]") {
    on_two_workers(cut_off);
}

TEST_CASE("a worker that fails to start undoes the rest", "[rpc][server][threads]") {
    on_two_workers(fail_once);
}

TEST_CASE("a group that is destroyed takes all with it", "[rpc][server][threads]") {
    on_two_workers(vanish);
}

TEST_CASE("a group that drains under load loses no answer", "[rpc][server][threads]") {
    on_two_workers(stop_under_load);
}

// Its threads are another process's, and not for the thread sanitizer, which holds a signal back as
// long as the thread that gets it waits for a semaphore.
CO_TEST_CASE("a group serves an inherited socket until SIGTERM", "[rpc][server][fault]") {
    test::needs_processes();
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    const int passed = listener.handle().native().value();
    auto child = test::child_process::helper("serves inherited sockets on two workers", {},
                                             {{passed, socket_there}});
    const std::string where = "unix:" + folder.path("s");
    auto first = co_await test::connect_subject(where);
    auto second = co_await test::connect_subject(where);
    const std::int64_t sum = co_await first->add(1, 2);
    const std::int64_t user = co_await second->who_calls();
    child.signal(SIGTERM);
    co_await first.connection().until_down();
    co_await second.connection().until_down();
    const exit_status ended = child.wait();
    REQUIRE(sum == 3);
    REQUIRE(user == ::geteuid());
    REQUIRE(ended.signal == 0);
    REQUIRE(ended.code == 0);
}
