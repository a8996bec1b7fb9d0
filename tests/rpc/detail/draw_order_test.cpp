// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/draw_order.hpp>

#include "instances.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace conduit;
using rpc::detail::chance;

namespace {

rpc::instance one(std::uint64_t number, std::uint32_t weight,
                  rpc::instance_state state = rpc::instance_state::alive) {
    rpc::instance made;
    made.id = {1, number};
    made.offer = test::offer_of("demo.x", "unix:/" + std::to_string(number), weight);
    made.state = state;
    return made;
}

std::vector<std::uint64_t> numbers(const std::vector<rpc::instance>& of) {
    std::vector<std::uint64_t> all;
    for (const rpc::instance& each : of) all.push_back(each.id.number);
    return all;
}

}  // namespace

TEST_CASE("instances are tried first as often as their weights say", "[rpc][matchmaker]") {
    chance dice(1);
    std::map<std::uint64_t, int> first;
    for (int i = 0; i < 4000; ++i) {
        std::vector<rpc::instance> all{one(1, 100), one(2, 300)};
        rpc::detail::draw_order(all, dice);
        ++first[all.front().id.number];
    }
    REQUIRE(first[1] > 850);
    REQUIRE(first[1] < 1150);
}

TEST_CASE("weight 0 comes behind the others of its state, and a worse state behind all",
          "[rpc][matchmaker]") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        chance dice(seed);
        std::vector<rpc::instance> all{one(4, 10'000, rpc::instance_state::suspect),
                                       one(3, 10'000, rpc::instance_state::unconfirmed), one(2, 0),
                                       one(1, 1)};
        rpc::detail::draw_order(all, dice);
        REQUIRE(numbers(all) == std::vector<std::uint64_t>{1, 2, 3, 4});
    }
}

TEST_CASE("no instance is lost or made by drawing an order", "[rpc][matchmaker]") {
    chance dice(7);
    std::vector<rpc::instance> none;
    rpc::detail::draw_order(none, dice);
    REQUIRE(none.empty());
    std::vector<rpc::instance> all;
    for (std::uint64_t n = 1; n <= 100; ++n) all.push_back(one(n, 100));
    rpc::detail::draw_order(all, dice);
    std::vector<std::uint64_t> drawn = numbers(all);
    REQUIRE_FALSE(std::is_sorted(drawn.begin(), drawn.end()));
    std::sort(drawn.begin(), drawn.end());
    for (std::uint64_t n = 1; n <= 100; ++n) REQUIRE(drawn[n - 1] == n);
}
