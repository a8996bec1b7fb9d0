// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/chance.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::chance;

TEST_CASE("chance is the same for the same seed, and even", "[rpc][chance]") {
    chance one(1);
    chance same(1);
    chance other(2);
    std::array<int, 8> drawn{};
    int equal = 0;
    for (int i = 0; i < 8000; ++i) {
        const auto value = one.below(8);
        REQUIRE(value == same.below(8));
        equal += value == other.below(8) ? 1 : 0;
        ++drawn.at(static_cast<std::size_t>(value));
    }
    for (const int each : drawn) {
        REQUIRE(each > 800);
        REQUIRE(each < 1200);
    }
    REQUIRE(equal < 1200);
}

TEST_CASE("a wait drawn by chance may be nothing and may be all of it", "[rpc][chance]") {
    chance dice(3);
    bool nothing = false;
    bool all = false;
    for (int i = 0; i < 100'000; ++i) {
        const auto wait = dice.up_to(4096ns);
        nothing = nothing || wait == 0ns;
        all = all || wait == 4096ns;
        REQUIRE(wait <= 4096ns);
    }
    REQUIRE(nothing);
    REQUIRE(all);
    REQUIRE(dice.up_to(0s) == 0s);
    REQUIRE(dice.up_to(-1s) == 0s);
}
