// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/duration.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string_view>

using namespace std::chrono_literals;
using conduit::tool::parse_duration;
using conduit::tool::shown_duration;

namespace {

std::chrono::nanoseconds read(std::string_view text) { return *parse_duration(text, 1s); }

}  // namespace

TEST_CASE("lengths of time have a unit, or the usual one", "[tools][duration]") {
    CHECK(read("5") == 5s);
    CHECK(read("0") == 0s);
    CHECK(read("250ms") == 250ms);
    CHECK(read("1.5s") == 1500ms);
    CHECK(read("20us") == 20us);
    CHECK(read("7ns") == 7ns);
    CHECK(read("2min") == 2min);
    CHECK(read("1h") == 1h);
}

TEST_CASE("what is no length of time says so", "[tools][duration]") {
    for (const std::string_view text : {"", "s", "-1s", "5 s", "5m", "nan", "1e", "0x5"}) {
        INFO(text);
        const auto time = parse_duration(text, 1s);
        CHECK_FALSE(time);
        CHECK(time.error() == "expected a time such as 250ms, with ns, us, ms, s, min or h");
    }
    CHECK(parse_duration("1e30h", 1s).error() == "a time is at most 100 years");
    CHECK(parse_duration("inf", 1s).error() == "a time is at most 100 years");
}

TEST_CASE("lengths of time are shown in three digits", "[tools][duration]") {
    CHECK(shown_duration(0ns) == "0 ns");
    CHECK(shown_duration(999ns) == "999 ns");
    CHECK(shown_duration(1500ns) == "1.50 us");
    CHECK(shown_duration(12'345us) == "12.3 ms");
    CHECK(shown_duration(250s) == "250 s");
}
