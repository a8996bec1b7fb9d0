// SPDX-License-Identifier: BSL-1.0
//
// Ten thousand connections that are opened, used, cancelled and dropped at random. Descriptors,
// tasks and frames are counted around it. CONDUIT_STRESS_SECONDS makes it go on; CONDUIT_TEST_SEED
// repeats a run's choices.

#include "../support/co_test.hpp"
#include "../support/stress.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// What all workers share, so that one seed decides about all.
struct stress {
    explicit stress(std::uint64_t seed) : random(seed) {}

    bool goes_on() const {
        return opened < wanted || (longer && std::chrono::steady_clock::now() < until);
    }
    std::uint64_t below(std::uint64_t bound) { return random() % bound; }

    std::mt19937_64 random;
    std::uint64_t wanted = 10'000;
    std::uint64_t opened = 0;
    std::uint64_t echoed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t strange = 0;
    bool longer = std::getenv("CONDUIT_STRESS_SECONDS") != nullptr;
    std::chrono::steady_clock::time_point until =
        std::chrono::steady_clock::now() + test::stress_time();
    std::string path;
};

task<> echo(unix_stream peer) {
    unix_stream own = std::move(peer);
    std::array<std::byte, 256> buffer{};
    for (;;) {
        auto got = co_await own.read_some(buffer);
        if (!got || *got == 0) co_return;
        auto sent = co_await write_all(own, std::span(buffer).first(*got));
        if (!sent) co_return;
    }
}

task<> serve(unix_listener& listener) {
    task_scope scope;
    while (auto peer = co_await listener.accept()) scope.spawn(echo(std::move(*peer)));
    scope.request_stop();
    co_await scope.join();
}

task<> ask_and_listen(unix_stream& peer, stress& all) {
    std::array<std::byte, 16> buffer{};
    const std::size_t bytes = 1 + all.below(buffer.size());
    auto sent = co_await write_all(peer, std::span(buffer).first(bytes));
    auto got = co_await read_exact(peer, std::span(buffer).first(bytes));
    if (sent && got) ++all.echoed;
    if (got.error() == errc::timed_out) ++all.cancelled;
}

/// One connection of a random kind; its frame may be destroyed anywhere in it.
task<> visit(stress& all) {
    const auto limit = std::chrono::microseconds(all.below(10) == 0 ? all.below(100) : 10'000'000);
    auto peer = co_await within(limit, unix_stream::connect(all.path));
    if (!peer) {
        const bool expected = peer.error() == errc::timed_out || peer.error() == errc::cancelled;
        ++(expected ? all.cancelled : all.strange);
        co_return;
    }
    std::array<std::byte, 16> buffer{};
    switch (all.below(5)) {
        case 0: co_return;  // drops it
        case 1: {           // drops it with an answer under way
            auto sent = co_await peer->write_some(buffer);
            static_cast<void>(sent);
            co_return;
        }
        case 2: {  // waits for what never comes, and is cancelled
            auto none =
                co_await within(std::chrono::microseconds(all.below(300)), peer->read_some(buffer));
            if (none.error() == errc::timed_out) ++all.cancelled;
            co_return;
        }
        case 3: {  // half close, then the end
            auto ended = co_await peer->close_writing();
            auto end = co_await peer->read_some(buffer);
            if (!ended || end.value_or(1) != 0) ++all.strange;
            co_return;
        }
        default: co_await ask_and_listen(*peer, all);
    }
}

task<> work(stress& all) {
    while (all.goes_on()) {
        ++all.opened;
        if (all.below(8) != 0) {
            co_await visit(all);
            continue;
        }
        task_group doomed;  // destroyed where it stands
        doomed.spawn(visit(all));
        for (auto turns = all.below(6); turns > 0; --turns) co_await yield();
    }
}

}  // namespace

CO_TEST_CASE("10,000 Unix connections opened, used and dropped at random leave nothing behind",
             "[channels][unix_listener][stress]") {
    const char* given = std::getenv("CONDUIT_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
    INFO("CONDUIT_TEST_SEED=" << seed);
    const test::temp_dir folder;
    stress all(seed);
    all.path = folder.path("s");
    if (scheduler::current().backend_name() == "sim") all.wanted = 500;
    auto listener = unix_listener::listen(all.path).value();
    auto serving = scope.spawn(serve(listener));
    {
        task_group workers;
        for (int i = 0; i < 32; ++i) workers.spawn(work(all));
        co_await workers.join();
    }
    listener.close();
    co_await serving;
    REQUIRE(all.opened >= all.wanted);
    REQUIRE(all.strange == 0);
    REQUIRE(all.echoed > all.wanted / 20);
    REQUIRE(all.cancelled > 0);
}
