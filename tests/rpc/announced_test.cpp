// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/announced.hpp>

#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/settle.hpp"
#include "../support/small_matchmaker.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using announcing = result<rpc::announced, rpc::fault>;

task<announcing> try_announce(rpc::matchmaker& here, std::string where,
                              rpc::announce_options how = {}) {
    co_return co_await rpc::try_call(here.announce<test::vessel>(std::move(where), how));
}

task<std::size_t> instances(rpc::matchmaker& here) {
    auto found = co_await here.lookup<test::vessel>();
    co_return found.instances.size();
}

task<> until_gone(rpc::matchmaker& here) {
    for (;;) {
        const std::size_t left = co_await instances(here);
        if (left == 0) co_return;
        co_await yield();
    }
}

task<> until_announced(test::table_matchmaker& there, std::size_t times) {
    while (there.announced_at.size() != times) co_await test::settle();
}

/// On the simulated kernel only, where an hour takes no time.
void run_in_virtual_time(task<> (*body)()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        scheduler(scheduler_options().backend(backend_kind::sim).seed(seed)).run(body());
    }
}

}  // namespace

CO_TEST_CASE("an offer is withdrawn with its object", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options());
    std::optional<rpc::announced> offer;
    auto made = co_await here.announce<test::vessel>("unix:/run/x");
    offer.emplace(std::move(made));
    auto before = co_await instances(here);
    offer.reset();
    co_await until_gone(here);
    REQUIRE(before == 1);
}

CO_TEST_CASE("an offer that was withdrawn is not found, and stays so", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    rpc::matchmaker here(daemon.options());
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    co_await offer.withdraw();
    auto after = co_await instances(here);
    co_await offer.withdraw();
    REQUIRE(after == 0);
    REQUIRE_FALSE(offer.is_up());
    REQUIRE(offer.why() == "it was withdrawn");
    REQUIRE(there.announced_at.size() == 1);
}

CO_TEST_CASE("an offer comes back after a restart of the matchmaker", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    const auto first = offer.id();
    daemon.stop();
    co_await test::settle();
    const bool during = offer.is_up();
    daemon.start();
    auto ended = co_await offer.until_up();
    auto after = co_await instances(here);
    REQUIRE(first == rpc::instance_id{1, 1});
    REQUIRE_FALSE(during);
    REQUIRE_FALSE(ended);
    REQUIRE(offer.id() == rpc::instance_id{2, 1});
    REQUIRE(offer.times() == 2);
    REQUIRE(offer.why().empty());
    REQUIRE(after == 1);
}

CO_TEST_CASE("an offer that was withdrawn while the matchmaker was away does not come back",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    daemon.stop();
    co_await test::settle();
    co_await offer.withdraw();
    daemon.start();
    auto other = co_await here.announce<test::vessel>("unix:/run/y");
    co_await test::settle();
    REQUIRE(daemon.object().announced_at.size() == 1);
}

CO_TEST_CASE("what a refused announcement says is thrown", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    there.refusal = rpc::fault(rpc::status::permission_denied, "the policy says no");
    rpc::matchmaker here(daemon.options());
    auto refused = co_await try_announce(here, "unix:/run/x");
    co_await test::settle();
    REQUIRE(refused.error().code() == rpc::status::permission_denied);
    REQUIRE(refused.error().text() == "the policy says no");
    REQUIRE(there.announced_at.size() == 1);
}

CO_TEST_CASE("in the background an offer waits for the matchmaker, and for its yes",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    const auto how = rpc::announce_options().in_background();
    auto offer = co_await here.announce<test::vessel>("unix:/run/x", how);
    const bool at_first = offer.is_up();
    auto& there = daemon.start();
    there.refusal = rpc::fault(rpc::status::permission_denied, "not yet");
    while (there.announced_at.size() < 3) co_await test::come_round();
    const std::string why = offer.why();
    there.refusal = std::nullopt;
    auto ended = co_await offer.until_up();
    REQUIRE_FALSE(at_first);
    REQUIRE(why == "not yet");
    REQUIRE_FALSE(ended);
    REQUIRE(offer.why().empty());
}

CO_TEST_CASE("waiting until an offer is up can be given a deadline", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    const auto how = rpc::announce_options().in_background();
    auto offer = co_await here.announce<test::vessel>("unix:/run/x", how);
    auto late = co_await within(10ms, offer.until_up());
    REQUIRE(late == errc::timed_out);
}

CO_TEST_CASE("an announcement that is given up while it is made is taken back",
             "[rpc][matchmaker][cancel]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    there.gate.reset();
    rpc::matchmaker here(daemon.options());
    auto announcing = scope.spawn(try_announce(here, "unix:/run/x"));
    co_await until_announced(there, 1);
    auto before = co_await instances(here);
    announcing.request_stop();
    auto ended = co_await announcing;
    there.gate.set();
    co_await until_gone(here);
    REQUIRE(before == 1);
    REQUIRE(ended.error().code() == rpc::status::cancelled);
}

CO_TEST_CASE("withdrawing waits for an announcement that is being made", "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    auto& there = daemon.start();
    there.gate.reset();
    rpc::matchmaker here(daemon.options());
    const auto how = rpc::announce_options().in_background();
    auto offer = co_await here.announce<test::vessel>("unix:/run/x", how);
    co_await until_announced(there, 1);
    auto withdrawing = scope.spawn(offer.withdraw());
    co_await test::settle();
    const bool early = withdrawing.is_done();
    there.gate.set();
    co_await withdrawing;
    auto after = co_await instances(here);
    REQUIRE_FALSE(early);
    REQUIRE(after == 0);
}

CO_TEST_CASE("what is said of an offer can be changed, also while the matchmaker is away",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    rpc::matchmaker here(daemon.options().back_off(1ms, 4ms));
    auto offer = co_await here.announce<test::vessel>("unix:/run/x");
    const std::vector<std::string> tags{"b", "a"};
    co_await offer.update(5, tags);
    auto now = co_await here.lookup<test::vessel>();
    daemon.stop();
    co_await test::settle();
    const std::vector<std::string> none;
    co_await offer.update(6, none);
    daemon.start();
    co_await offer.until_up();
    auto later = co_await here.lookup<test::vessel>();
    auto wrong = co_await rpc::try_call(offer.update(rpc::weight_max + 1, none));
    REQUIRE(now.instances.at(0).offer.weight == 5);
    REQUIRE(now.instances.at(0).offer.tags == std::vector<std::string>{"a", "b"});
    REQUIRE(later.instances.at(0).offer.weight == 6);
    REQUIRE(later.instances.at(0).offer.tags.empty());
    REQUIRE(wrong.error().code() == rpc::status::invalid_argument);
    REQUIRE(offer.offer().weight == 6);
}

CO_TEST_CASE("an offer may outlive its matchmaker's client, and is no longer up then",
             "[rpc][matchmaker]") {
    test::small_matchmaker daemon;
    daemon.start();
    std::optional<rpc::matchmaker> here;
    here.emplace(daemon.options());
    auto offer = co_await here->announce<test::vessel>("unix:/run/x");
    here.reset();
    co_await test::settle();
    co_await offer.withdraw();
    REQUIRE_FALSE(offer.is_up());
}

// --- in virtual time ----------------------------------------------------------------------------

TEST_CASE("an offer that the matchmaker has lost is announced again", "[rpc][matchmaker][sim]") {
    run_in_virtual_time([]() -> task<> {
        test::small_matchmaker daemon;
        auto& there = daemon.start();
        rpc::matchmaker here(daemon.options().check_every(30s));
        auto offer = co_await here.announce<test::vessel>("unix:/run/x");
        co_await sleep_for(5min);
        const std::size_t meanwhile = there.announced_at.size();
        const clock::time_point lost = clock::now();
        there.remove(*offer.id(), rpc::gone_reason::connection_lost);
        while (there.announced_at.size() < 2) co_await sleep_for(10ms);
        REQUIRE(meanwhile == 1);
        REQUIRE(there.announced_at[1] - lost <= 31s);
        auto again = co_await instances(here);
        REQUIRE(again == 1);
        REQUIRE(offer.times() == 2);
    });
}

TEST_CASE("after a restart offers come back spread over the time that was given",
          "[rpc][matchmaker][sim]") {
    run_in_virtual_time([]() -> task<> {
        constexpr std::size_t clients = 1000;
        test::small_matchmaker daemon;
        daemon.start().spread = 2s;
        std::vector<std::unique_ptr<rpc::matchmaker>> here;
        std::vector<rpc::announced> offers;
        for (std::size_t i = 0; i < clients; ++i) {
            here.push_back(std::make_unique<rpc::matchmaker>(daemon.options()));
            auto made =
                co_await here.back()->announce<test::vessel>("unix:/run/" + std::to_string(i));
            offers.push_back(std::move(made));
        }
        daemon.stop();
        const clock::time_point restarted = clock::now();
        auto& there = daemon.start();
        while (there.announced_at.size() < clients) co_await sleep_for(10ms);
        std::vector<int> per_part(20, 0);  // of 100 ms, so that 50 come in each on average
        for (const clock::time_point at : there.announced_at) {
            const auto part = static_cast<std::size_t>((at - restarted) / 100ms);
            ++per_part[std::min(part, per_part.size() - 1)];
        }
        REQUIRE(there.announced_at.size() == clients);
        for (const int share : per_part) REQUIRE(share >= 15);
        for (const int share : per_part) REQUIRE(share <= 100);  // no herd
        REQUIRE(clock::now() - restarted < 2s + 200ms);
    });
}
