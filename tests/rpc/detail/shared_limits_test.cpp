// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/shared_limits.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>

using namespace conduit::rpc::detail;

TEST_CASE("accounts take from their own limit and from the one they share",
          "[rpc][shared_limits]") {
    const auto all = std::make_shared<shared_limits>(100, 2);
    std::optional<limits_account> one(std::in_place, 60, all);
    limits_account other(80, all);
    REQUIRE(one->charge(60));
    REQUIRE_FALSE(one->charge(1));
    REQUIRE(one->memory_text() == "60 of 60 bytes are in use (memory_max)");
    REQUIRE(other.charge(40));
    REQUIRE_FALSE(other.charge(1));
    REQUIRE(other.memory_text() == "100 of 100 bytes are in use by all connections (memory_max)");
    REQUIRE(one->enter_call());
    REQUIRE(other.enter_call());
    REQUIRE_FALSE(other.enter_call());
    REQUIRE(other.calls_text() == "the server serves 2 calls, of at most 2 (calls_max)");
    other.leave_call();
    one.reset();
    REQUIRE(all->memory == 40);
    REQUIRE(all->calls == 1);
    REQUIRE(other.charge(40));
}
