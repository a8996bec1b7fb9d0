// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/shared_limits.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>

using namespace conduit::rpc::detail;

namespace {

constexpr amounts of_a_connection{60, no_limit, 4};

}  // namespace

TEST_CASE("accounts take from their own limit and from the one they share",
          "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(amounts{100, 2, 10});
    std::optional<limits_account> one(std::in_place, of_a_connection, all->user(""));
    limits_account other(amounts{80, no_limit, 4}, all->user(""));
    REQUIRE(one->take(resource::memory, 60));
    REQUIRE_FALSE(one->take(resource::memory, 1));
    REQUIRE(one->text(resource::memory) == "60 of 60 bytes are in use (memory_max)");
    REQUIRE(other.take(resource::memory, 40));
    REQUIRE_FALSE(other.take(resource::memory, 1));
    REQUIRE(other.text(resource::memory) ==
            "100 of 100 bytes are in use by all connections (memory_max)");
    REQUIRE(one->take(resource::calls, 1));
    REQUIRE(other.take(resource::calls, 1));
    REQUIRE_FALSE(other.take(resource::calls, 1));
    REQUIRE(other.text(resource::calls) ==
            "2 of 2 calls are under way by all connections (calls_max)");
    other.give_back(resource::calls, 1);
    one.reset();
    REQUIRE(all->taken(resource::memory) == 40);
    REQUIRE(all->taken(resource::calls) == 0);
    REQUIRE(other.take(resource::memory, 40));
}

TEST_CASE("a user takes half of what the others leave", "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(amounts{100, 100, 100});
    limits_account greedy(amounts{1000, 1000, 1000}, all->user("user 1"));
    limits_account greedy_too(amounts{1000, 1000, 1000}, all->user("user 1"));
    limits_account late(amounts{1000, 1000, 1000}, all->user("user 2"));
    REQUIRE(greedy.take(resource::memory, 30));
    REQUIRE(greedy_too.take(resource::memory, 20));
    REQUIRE_FALSE(greedy_too.take(resource::memory, 1));
    REQUIRE(greedy_too.text(resource::memory) ==
            "50 of 50 bytes are in use by user 1, which is half of what others leave of 100 "
            "(memory_max)");
    REQUIRE(late.left(resource::memory) == 25);
    REQUIRE(late.take(resource::memory, 25));
    REQUIRE_FALSE(late.take(resource::memory, 1));
    REQUIRE(greedy.left(resource::memory) == 0);
    greedy.give_back(resource::memory, 30);
    REQUIRE(late.left(resource::memory) == 15);
    REQUIRE(greedy.left(resource::calls) == 50);
}

TEST_CASE("what was added beyond a limit is told, of the user or of the connection",
          "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(amounts{100, 100, 10});
    limits_account one(of_a_connection, all->user("user 1"));
    limits_account other(of_a_connection, all->user("user 1"));
    one.add(resource::handles, 4);
    REQUIRE(one.beyond(resource::handles) == 0);
    one.add(resource::handles, 1);
    REQUIRE(one.beyond(resource::handles) == 1);
    REQUIRE(other.beyond(resource::handles) == 0);
    other.add(resource::handles, 3);
    REQUIRE(other.beyond(resource::handles) == 3);  // of the five that the user may have
    one.give_back(resource::handles, 5);
    REQUIRE(other.beyond(resource::handles) == 0);
}

TEST_CASE("a user is one as long as it has a connection", "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(amounts{100, 100, 100});
    auto one = all->user("user 1");
    const auto same = all->user("user 1");
    REQUIRE(one == same);
    REQUIRE(all->user("") != all->user(""));
    std::optional<limits_account> account(std::in_place, of_a_connection, std::move(one));
    REQUIRE(account->take(resource::handles, 3));
    REQUIRE(same->taken(resource::handles) == 3);
    account.reset();
    REQUIRE(same->taken(resource::handles) == 0);
    REQUIRE(all->taken(resource::handles) == 0);
}

TEST_CASE("the last one of something goes to who asks first", "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(amounts{1, 1, 1});
    limits_account first(of_a_connection, all->user("user 1"));
    limits_account second(of_a_connection, all->user("user 2"));
    REQUIRE(first.take(resource::calls, 1));
    REQUIRE_FALSE(second.take(resource::calls, 1));
}
