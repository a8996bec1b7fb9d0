// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/log.hpp>

#include "../support/dies.hpp"

#include <conduit/runtime/scheduler.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;

TEST_CASE("levels have names", "[runtime][log]") {
    REQUIRE(to_string(log_level::debug) == "debug");
    REQUIRE(to_string(log_level::info) == "info");
    REQUIRE(to_string(log_level::warning) == "warning");
    REQUIRE(to_string(log_level::error) == "error");
}

TEST_CASE("by default warnings and errors go to stderr, and nothing else", "[runtime][log]") {
    const std::string said = test::stderr_of_death([] {
        log_to_stderr(log_level::debug, "one");
        log_to_stderr(log_level::info, "two");
        log_to_stderr(log_level::warning, "three");
        log_to_stderr(log_level::error, "four");
        write_to_stderr("as it is");
        std::abort();
    });
    REQUIRE(said == "conduit: warning: three\nconduit: error: four\nas it is");
}

TEST_CASE("a scheduler logs to the sink it was given", "[runtime][log]") {
    std::vector<std::pair<log_level, std::string>> lines;
    auto sink = [&lines](log_level level, std::string_view line) {
        lines.emplace_back(level, line);
    };
    const scheduler sched(scheduler_options().backend(backend_kind::epoll).log(sink));
    sched.log(log_level::info, "hello");
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].first == log_level::info);
    REQUIRE(lines[0].second == "hello");
}
