// SPDX-License-Identifier: BSL-1.0
//
// Who asks a matchmaker for too much, and what others have of it then; and a clock that jumps. What
// goes wrong with processes is in matchmaker_fault_test.cpp.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/matchmaker_place.hpp"
#include "../support/queries.hpp"
#include "../support/sanitized.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/detail/registry.hpp>
#include <conduit/rpc/detail/registry_store.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("M8: a million names of one user take no more than its share",
          "[rpc][matchmaker][fault][M8]") {
    using namespace conduit::rpc;
    detail::registry table(1, 0);
    const instance_owner owner{1000, 4711, {}, 1};
    std::size_t taken = 0;
    std::string why;
    std::size_t bytes_at_limit = 0;
    constexpr std::uint32_t names = test::is_sanitized ? 100'000 : 1'000'000;
    for (std::uint32_t i = 0; i < names; ++i) {
        const std::string number = std::to_string(i);
        instance_offer offer;
        offer.name = "flood.n" + number;
        offer.address = "unix:/run/x" + number;
        auto announced = table.announce(owner, std::move(offer));
        if (announced) {
            ++taken;
        } else if (why.empty()) {
            why = announced.error().what();
            bytes_at_limit = table.counters().bytes;
        }
    }
    REQUIRE(taken == 256);
    REQUIRE(why.find("256") != std::string::npos);
    REQUIRE(table.counters().bytes == bytes_at_limit);
    REQUIRE(table.counters().refused == names - 256);
    instance_offer other;
    other.name = "other";
    other.address = "unix:/run/other";
    REQUIRE(table.announce(instance_owner{1001, 4712, {}, 2}, other));
}

CO_TEST_CASE("M8: a connection that floods is refused, and others are served",
             "[rpc][matchmaker][fault][M8]") {
    test::matchmaker_place there(rpc::matchmaker_options().names_max(16, 1000));
    co_await there.start();
    auto flooder = co_await there.connect();
    auto client = co_await there.connect();
    auto socket = there.listen("flood");
    constexpr int flood = test::is_sanitized ? 500 : 5000;
    int taken = 0;
    int refused = 0;
    for (int i = 0; i < flood; ++i) {
        const auto offer = socket.offer("flood.n" + std::to_string(i));
        auto announced = co_await rpc::try_call(flooder->announce(offer));
        if (announced) ++taken;
        if (!announced && announced.error().code() == rpc::status::resource_exhausted) ++refused;
    }
    auto found = co_await client->lookup(test::query_of("flood.n0"));
    REQUIRE(taken == 16);
    REQUIRE(refused == flood - 16);
    REQUIRE(found.instances.size() == 1);
}

CO_TEST_CASE("M9: a clock that was set back over a restart changes nothing",
             "[rpc][matchmaker][fault][M9]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir state;
    rpc::matchmaker_options options;
    options.state(state.path("state")).save_within(1ms);
    test::matchmaker_place there(options);
    const auto born = current_kernel().identity_of(::getpid()).value();
    rpc::detail::registry_snapshot before;
    before.epoch = std::uint64_t{1} << 60;  // of a clock that was far ahead
    rpc::instance one;
    one.id = {before.epoch, 1};
    one.owner = {::geteuid(), ::getpid(), born.boot, born.start_time};
    one.offer = there.listen("echo").offer("demo.echo");
    before.instances.push_back(one);
    {
        rpc::detail::registry_store store(options.state());
        static_cast<void>(co_await store.open());
        auto saved = co_await store.save(before);
        REQUIRE(saved);
    }
    co_await there.start();
    auto client = co_await there.connect();
    auto found = co_await client->lookup(test::query_of("demo.echo"));
    REQUIRE(found.at.epoch == before.epoch + 1);
    REQUIRE(found.source == rpc::answer_source::warming);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].id == one.id);
}

TEST_CASE("M9: hours go by, and nobody is suspected for that",
          "[rpc][matchmaker][fault][M9][sim]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        auto options = scheduler_options().backend(backend_kind::sim).seed(seed);
        scheduler(options).run([]() -> task<> {
            test::matchmaker_place there;
            co_await there.start();
            auto service = co_await there.connect();
            auto socket = there.listen("echo");
            auto announced = co_await service->announce(socket.offer("demo.echo"));
            auto watch = service->watch(test::all_names(), announced.at);
            auto change = co_await rpc::try_call(within(5h, test::next_of(watch)));
            auto found = co_await service->lookup(test::query_of("demo.echo"));
            REQUIRE(change.error().code() == rpc::status::deadline_exceeded);
            REQUIRE(found.at == announced.at);
            REQUIRE(found.instances.size() == 1);
            REQUIRE(found.instances[0].state == rpc::instance_state::alive);
        }());
    }
}
