// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/daemon_source.hpp>

#include "../../support/co_test.hpp"
#include "../../support/settle.hpp"
#include "../../support/small_matchmaker.hpp"
#include "../../support/temp_dir.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::daemon_source;
using rpc::detail::matchmaker_link_ptr;
using reached = result<matchmaker_link_ptr, rpc::fault>;

namespace {

task<reached> try_reach(daemon_source& of) { co_return co_await rpc::try_call(of.reach()); }
task<reached> try_wait(daemon_source& of) { co_return co_await rpc::try_call(of.until_reached()); }

/// On the simulated kernel only, where an hour takes no time.
void run_in_virtual_time(task<> (*body)()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(body());
    }
}

rpc::matchmaker_address at(const std::string& where) {
    return rpc::matchmaker_address::parse(where).value();
}

}  // namespace

CO_TEST_CASE("a daemon is reached as soon as it is there, and again after it was away",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon_source source(std::nullopt, daemon.options().back_off(1ms, 4ms), current_context());
    auto waiting = scope.spawn(try_wait(source));
    co_await test::settle();
    const bool early = waiting.is_done();
    daemon.start();
    auto first = co_await waiting;
    auto same = co_await source.reach();
    daemon.stop();
    co_await (*first)->lost().wait();
    const matchmaker_link_ptr none = source.current();
    daemon.start();
    auto second = co_await source.until_reached();
    const clock::time_point now = clock::now();
    REQUIRE_FALSE(early);
    REQUIRE(*first == same);
    REQUIRE(none == nullptr);
    REQUIRE(second != *first);
    REQUIRE((*first)->lost().is_set());
    REQUIRE_FALSE(second->lost().is_set());
    REQUIRE(source.lost_at() >= now);
}

TEST_CASE("a source says that its daemon is lost, sought and found", "[rpc][matchmaker][sim]") {
    std::string said;
    auto options = scheduler_options().backend(backend_kind::sim).seed(1);
    options.log([&said](log_level, std::string_view line) { said.append(line).append("\n"); });
    const auto come_and_go = []() -> task<> {
        test::small_matchmaker daemon;
        daemon_source source(std::nullopt, daemon.options().back_off(1ms, 4ms), current_context());
        co_await sleep_for(100ms);
        daemon.start();
        auto there = co_await source.until_reached();
        daemon.stop();
        co_await there->lost().wait();
        daemon.start();
        static_cast<void>(co_await source.until_reached());
    };
    scheduler(options).run(come_and_go());
    REQUIRE(said ==
            "no matchmaker: cannot connect to 'daemon': not there; trying again\n"
            "matchmaker 'daemon': connected\n"
            "lost the connection to matchmaker 'daemon': the peer closed the connection; "
            "connecting again\n"
            "matchmaker 'daemon': connected\n");
}

CO_TEST_CASE("a daemon that says that it is going is left at once", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    daemon_source source(std::nullopt, daemon.options().back_off(1ms, 4ms), current_context());
    auto first = co_await source.until_reached();
    auto draining = scope.spawn(daemon.server().drain());
    co_await first->lost().wait();
    auto drained = co_await draining;
    daemon.start();
    auto second = co_await source.until_reached();
    REQUIRE(drained.is_clean());
    REQUIRE(second != first);
}

CO_TEST_CASE("a socket where nobody answers is no daemon", "[rpc][matchmaker]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("m");
    auto silent = unix_listener::listen(folder.path("m")).value();
    const auto options = rpc::matchmaker_client_options().connect_within(20ms);
    daemon_source source(at(where), options, current_context());
    auto nobody = co_await try_reach(source);
    REQUIRE(nobody.error().code() == rpc::status::unavailable);
    REQUIRE(nobody.error().text() == "no matchmaker: '" + where +
                                         "': it did not say who it is within 20 ms "
                                         "(connect_within)");
}

CO_TEST_CASE("a client of a daemon that is closed reaches it no more", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    daemon_source source(std::nullopt, daemon.options(), current_context());
    auto there = co_await source.until_reached();
    source.shut();
    auto asked = co_await try_reach(source);
    auto waited = co_await try_wait(source);
    REQUIRE(there->lost().is_set());
    REQUIRE(asked.error().code() == rpc::status::unavailable);
    REQUIRE(waited.error().text() == "the matchmaker's client is closed");
}

TEST_CASE("a daemon is not looked for in a folder that others can change",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([]() -> task<> {
        const std::string path = rpc::matchmaker_address::of_user().path();
        const std::string folder = path.substr(0, path.rfind('/'));
        current_kernel().make_directory(folder, 0755).value();
        daemon_source source(rpc::matchmaker_address::of_user(), {}, current_context());
        auto refused = co_await try_reach(source);
        REQUIRE(refused.error().text() == "no matchmaker: '" + folder +
                                              "' is open to others (mode 0755, where 0700 is "
                                              "wanted)");
    });
}

TEST_CASE("a daemon that is away is looked for without end, and ever less often",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([]() -> task<> {
        test::small_matchmaker daemon;
        daemon_source source(std::nullopt, daemon.options().back_off(50ms, 1s), current_context());
        co_await sleep_for(1h);
        const std::size_t in_an_hour = daemon.attempts.size();
        daemon.start();
        const clock::time_point started = clock::now();
        auto there = co_await source.until_reached();
        REQUIRE(in_an_hour > 3600);
        REQUIRE(in_an_hour < 3 * 3600);
        REQUIRE(clock::now() - started <= 1s);
        const auto pause = daemon.attempts[2] - daemon.attempts[1];
        REQUIRE(pause <= 100ms);
    });
}

TEST_CASE("many clients of a daemon that is away do not come at the same time",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([]() -> task<> {
        test::small_matchmaker daemon;
        std::vector<std::unique_ptr<daemon_source>> clients;
        for (int i = 0; i < 100; ++i) {
            clients.push_back(std::make_unique<daemon_source>(
                std::nullopt, daemon.options().back_off(50ms, 1s), current_context()));
        }
        co_await sleep_for(1min);
        daemon.attempts.clear();
        co_await sleep_for(1s);
        std::size_t at_once = 0;
        for (std::size_t i = 0; i < daemon.attempts.size(); ++i) {
            std::size_t near = 0;
            for (std::size_t j = i; j < daemon.attempts.size(); ++j) {
                if (daemon.attempts[j] - daemon.attempts[i] > 20ms) break;
                ++near;
            }
            at_once = std::max(at_once, near);
        }
        REQUIRE(daemon.attempts.size() >= 100);
        REQUIRE(at_once < 25);
    });
}
