// SPDX-License-Identifier: BSL-1.0
//
// Procedures that do what a procedure should not: the server answers, goes on, and says who it was.
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration limit = 20ms;

class wild {
public:
    virtual ~wild() = default;
    virtual task<std::int64_t> throw_exception() = 0;
    virtual task<std::int64_t> throw_int() = 0;
    virtual task<std::int64_t> never_return() = 0;
    virtual task<std::int64_t> block() = 0;
    virtual task<std::int64_t> block_later() = 0;
    virtual task<std::int64_t> ping() = 0;
};
CONDUIT_INTERFACE(wild, "test.wild.v1", throw_exception, throw_int, never_return, block,
                  block_later, ping)

class wild_object final : public wild {
public:
    task<std::int64_t> throw_exception() override {
        throw std::runtime_error("a secret of the server");
        co_return 0;
    }
    task<std::int64_t> throw_int() override {
        throw 7;
        co_return 0;
    }
    task<std::int64_t> never_return() override {
        const std::error_code ended = co_await never_.wait();
        how_ended = ended;
        left.set();
        co_return 0;
    }
    // clang says where a coroutine begins, g++ 12 where it ends.
    static constexpr std::uint32_t block_begins = __LINE__ + 1;
    task<std::int64_t> block() override {
        keep_the_loop();
        co_return 0;
    }
    static constexpr std::uint32_t block_ends = __LINE__ - 1;

    static constexpr std::uint32_t block_later_waits = __LINE__ + 2;
    task<std::int64_t> block_later() override {
        co_await sleep_for(1us);
        keep_the_loop();
        co_return 0;
    }
    task<std::int64_t> ping() override { co_return ++pings; }

    std::int64_t pings = 0;
    std::error_code how_ended;
    event left;

private:
    static void keep_the_loop() {
        const clock::time_point until = clock::now() + limit + 1ms;
        if (auto* simulated = dynamic_cast<sim_kernel*>(&current_kernel())) {
            simulated->advance_to(until);
        }
        while (clock::now() < until) {
        }
    }

    event never_;
};

/// A server, and two of its clients.
task<> serve_wildly(std::string where, task<> (*body)(wild&, wild&, wild_object&)) {
    const std::string place = std::move(where);
    wild_object object;
    rpc::server server;
    server.offer<wild>(object);
    co_await server.listen(place);
    auto first = co_await rpc::connect<wild>(place);
    auto second = co_await rpc::connect<wild>(place);
    co_await body(*first, *second, object);
    const bool all_there = server.connections_now() == 2 && server.calls_served_now() == 0;
    REQUIRE(all_there);
}

task<> throw_all(wild& here, wild& other, wild_object& object) {
    auto exception = co_await rpc::try_call(here.throw_exception());
    auto number = co_await rpc::try_call(here.throw_int());
    auto same = co_await here.ping();
    auto others = co_await other.ping();
    REQUIRE(exception.error().code() == rpc::status::unknown);
    REQUIRE(exception.error().text().find("secret") == std::string_view::npos);
    REQUIRE(exception.error().may_have_run());
    REQUIRE(number.error().code() == rpc::status::unknown);
    REQUIRE(same == 1);
    REQUIRE(others == 2);
    REQUIRE(object.pings == 2);
}

task<> wait_for_ever(wild& here, wild& other, wild_object& object) {
    auto late = co_await rpc::try_call(within(5ms, here.never_return()));
    co_await object.left.wait();
    auto same = co_await here.ping();
    auto others = co_await other.ping();
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(object.how_ended);
    REQUIRE(same == 1);
    REQUIRE(others == 2);
}

task<> block_twice(wild& here, wild& other, wild_object& /*object*/) {
    co_await here.block();
    co_await here.block();
    co_await here.block_later();
    auto others = co_await other.ping();
    REQUIRE(others == 1);
}

/// The lines of this file that the log gives for a method that blocked.
std::vector<std::uint32_t> places_of(const std::vector<std::string>& log,
                                     const std::string& method) {
    const std::string name = "[test.wild.v1/" + method + "] ";
    const std::string file = "(server_stall_test.cpp:";
    std::vector<std::uint32_t> places;
    for (const std::string& line : log) {
        const std::size_t named = line.find(name);
        if (line.find("kept the loop from turning for ") >= named || named == line.npos) continue;
        const std::size_t at = line.find(file, named);
        const std::string number = at == line.npos ? "0" : line.substr(at + file.size());
        places.push_back(static_cast<std::uint32_t>(std::stoul(number)));
    }
    return places;
}

/// What the log says of the methods that block, and how many stalls were counted.
struct blocking_seen {
    std::vector<std::string> lines;
    std::vector<std::uint32_t> at_once;
    std::vector<std::uint32_t> later;
    std::uint64_t stalls = 0;
};

blocking_seen run_blocking(scheduler_options options) {
    blocking_seen seen;
    auto sink = [&seen](log_level, std::string_view line) { seen.lines.emplace_back(line); };
    scheduler sched(options.stall_limit(limit).log(sink));
    const auto body = []() -> task<> {
        const test::temp_dir folder;
        co_await serve_wildly("unix:" + folder.path("s"), block_twice);
    };
    sched.run(body());
    seen.at_once = places_of(seen.lines, "block");
    seen.later = places_of(seen.lines, "block_later");
    seen.stalls = sched.counters().stalls.value();
    return seen;
}

void check_places(const blocking_seen& seen) {
    for (const std::uint32_t line : seen.at_once) {
        CHECK(line >= wild_object::block_begins);
        CHECK(line <= wild_object::block_ends);
    }
    for (const std::uint32_t line : seen.later) CHECK(line == wild_object::block_later_waits);
}

}  // namespace
}  // namespace conduit

using namespace conduit;

CO_TEST_CASE("S6: a procedure that throws fails its call alone, whatever it throws",
             "[rpc][server][fault][S6]") {
    const test::temp_dir folder;
    co_await serve_wildly("unix:" + folder.path("s"), throw_all);
}

CO_TEST_CASE("S6: a procedure that never returns is stopped at its caller's deadline",
             "[rpc][server][fault][S6]") {
    const test::temp_dir folder;
    co_await serve_wildly("unix:" + folder.path("s"), wait_for_ever);
}

TEST_CASE("S6: a procedure that blocks the loop is reported with its name and place, and counted",
          "[rpc][server][fault][S6]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    const blocking_seen seen = run_blocking(scheduler_options().backend(kernel));
    CAPTURE(seen.lines, seen.at_once, seen.later);
    // At least: a turn in which the process was off the CPU is one more.
    REQUIRE(seen.stalls >= 3);
    REQUIRE(seen.at_once.size() >= 2);
    REQUIRE_FALSE(seen.later.empty());
    check_places(seen);
}

TEST_CASE("S6: a procedure that blocks the loop is reported once for each time, and nobody else is",
          "[rpc][server][fault][S6][sim]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto options = scheduler_options().backend(backend_kind::sim).seed(seed);
        const blocking_seen seen = run_blocking(options);
        CAPTURE(seed, seen.lines, seen.at_once, seen.later);
        REQUIRE(seen.stalls == 3);
        REQUIRE(seen.lines.size() == 3);
        REQUIRE(seen.at_once.size() == 2);
        REQUIRE(seen.later.size() == 1);
        check_places(seen);
    }
}
