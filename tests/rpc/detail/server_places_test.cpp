// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/server_places.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;

TEST_CASE("a place is one of all, of its user's and of its worker's, until it is given back",
          "[rpc][server]") {
    const auto options = server_options().connections_max(3).connections_per_user_max(2);
    const auto places = std::make_shared<server_places>(options, 2);
    no_place why;
    auto first = server_places::take(places, "user 1", 0, why);
    auto second = server_places::take(places, "user 1", 1, why);
    auto refused = server_places::take(places, "user 1", 1, why);
    const std::string of_user = why.text;
    auto other = server_places::take(places, "user 2", 1, why);
    const std::string taken = why.text;
    auto too_many = server_places::take(places, "", 0, why);
    const std::string of_all = why.text;
    const auto reached = why.reached;
    const std::size_t least = places->least_loaded();
    second.reset();
    other.reset();
    const std::size_t least_then = places->least_loaded();
    auto again = server_places::take(places, "user 1", 1, why);
    REQUIRE(first->user() == "user 1");
    REQUIRE(refused == nullptr);
    REQUIRE(of_user == "user 1 has 2 connections, of at most 2 (connections_per_user_max)");
    REQUIRE(taken.empty());
    REQUIRE(too_many == nullptr);
    REQUIRE(reached == limit::connections_max);
    REQUIRE(of_all == "there are 3 connections, of at most 3 (connections_max)");
    REQUIRE(least == 0);
    REQUIRE(least_then == 1);
    REQUIRE(again != nullptr);
    REQUIRE(places->connections() == 2);
}

TEST_CASE("a place that was handed on is one of another user's, if that one has one left",
          "[rpc][server]") {
    const auto options = server_options().connections_max(3).connections_per_user_max(1);
    const auto places = std::make_shared<server_places>(options, 1);
    no_place why;
    auto first = server_places::take(places, "user 1", 0, why);
    const bool moved = first->move_to("user 2", why);
    auto second = server_places::take(places, "user 1", 0, why);
    const bool moved_too = second->move_to("user 2", why);
    const std::string text = why.text;
    const auto reached = why.reached;
    const std::string stays = second->user();
    first.reset();
    const bool moved_then = second->move_to("user 2", why);
    auto unknown = server_places::take(places, "", 0, why);
    const bool moved_nobody = unknown->move_to("user 2", why);
    REQUIRE(moved);
    REQUIRE_FALSE(moved_too);
    REQUIRE(text == "user 2 has 1 connections, of at most 1 (connections_per_user_max)");
    REQUIRE(reached == limit::connections_per_user_max);
    REQUIRE(stays == "user 1");
    REQUIRE(moved_then);
    REQUIRE(second->user() == "user 2");
    REQUIRE(moved_nobody);
    REQUIRE(unknown->user().empty());
    REQUIRE(places->connections() == 2);
}

TEST_CASE("who has greeted is no stranger, and where most are is known", "[rpc][server]") {
    const auto places = std::make_shared<server_places>(server_options().strangers_max(2), 2);
    no_place why;
    auto first = server_places::take(places, "", 0, why);
    auto second = server_places::take(places, "", 1, why);
    const bool was_full = !places->has_room_for_stranger();
    first->greeted();
    first->greeted();  // said twice, counted once
    const bool has_room = places->has_room_for_stranger();
    const std::size_t strangest = places->strangest();
    second.reset();
    auto third = server_places::take(places, "", 0, why);
    REQUIRE(was_full);
    REQUIRE(has_room);
    REQUIRE(strangest == 1);
    REQUIRE_FALSE(first->is_stranger());
    REQUIRE(third->is_stranger());
    REQUIRE(places->has_room_for_stranger());
    REQUIRE(places->strangest() == 0);
}

TEST_CASE("places are taken and given back by several threads", "[rpc][server][threads]") {
    constexpr int rounds = 2000;
    const auto places = std::make_shared<server_places>(server_options(), 4);
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < 4; ++worker) {
        threads.emplace_back([places, worker] {
            no_place why;
            for (int i = 0; i < rounds; ++i) {
                const auto place = server_places::take(places, "user 1", worker, why);
                if (place != nullptr) place->greeted();
            }
        });
    }
    for (std::thread& each : threads) each.join();
    REQUIRE(places->connections() == 0);
    REQUIRE(places->has_room_for_stranger());
}
