// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("ten lines a second are logged, and how many were not", "[rpc][log_limit]") {
    std::vector<std::string> seen;
    const auto sink = [&](log_level, std::string_view line) { seen.emplace_back(line); };
    scheduler sched(scheduler_options().backend(backend_kind::sim).log(sink));
    sched.run([]() -> task<> {
        rpc::detail::log_limit lines;
        for (int i = 0; i < 25; ++i) lines.warn("line");
        co_await sleep_for(1s);
        lines.warn("later");
        lines.warn("last");
    }());
    REQUIRE(seen.size() == 12);
    REQUIRE(seen[9] == "line");
    REQUIRE(seen[10] == "later (and 15 lines that were left out before)");
    REQUIRE(seen[11] == "last");
}
