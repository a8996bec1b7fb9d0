// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/counters.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/yield.hpp>

#include <atomic>
#include <thread>

using namespace conduit;
using namespace conduit::test;

namespace {

task<> wait_for(event& awaited) { co_await awaited.wait(); }

}  // namespace

TEST_CASE("a counter adds and subtracts", "[runtime][counters]") {
    counter n;
    n.add();
    n.add(5);
    n.subtract(2);
    REQUIRE(n.value() == 4);
}

CO_TEST_CASE("a scheduler counts tasks and waits", "[runtime][counters]") {
    const counters& here = scheduler::current().counters();
    const auto live = here.tasks_live.value();
    const auto spawned = here.tasks_spawned.value();
    const auto waits = here.waits.value();
    const auto cancellations = here.cancellations.value();
    {
        event never;
        task_scope inner;
        auto waiting = inner.spawn(wait_for(never));
        REQUIRE(here.tasks_live.value() == live + 1);
        while (here.waits.value() == waits) co_await yield();
        waiting.request_stop();
        co_await inner.join();
    }
    REQUIRE(here.tasks_live.value() == live);
    REQUIRE(here.tasks_spawned.value() == spawned + 1);
    REQUIRE(here.cancellations.value() == cancellations + 1);
    REQUIRE(here.resumptions.value() > 0);
}

TEST_CASE("a scheduler counts its calls to the kernel", "[runtime][counters]") {
    auto body = []() -> task<std::uint64_t> {
        handle_pair pair = attached_pipe();
        const counter& calls = scheduler::current().counters().system_calls;
        const std::uint64_t before = calls.value();
        auto written = co_await pair.out.write_some(bytes_of("x"));
        written.value();
        co_return calls.value() - before;
    };
    REQUIRE(scheduler(scheduler_options().backend(backend_kind::epoll)).run(body()) == 1);
}

TEST_CASE("counters can be read from other threads while they count",
          "[runtime][counters][threads]") {
    scheduler sched(scheduler_options().backend(backend_kind::epoll));
    std::atomic<bool> seen{false};
    std::thread reader([&sched, &seen] {
        while (sched.counters().resumptions.value() < 1000) std::this_thread::yield();
        seen = true;
    });
    sched.run([](std::atomic<bool>& enough) -> task<> {
        while (!enough) co_await yield();
    }(seen));
    reader.join();
    REQUIRE(sched.counters().resumptions.value() >= 1000);
}
