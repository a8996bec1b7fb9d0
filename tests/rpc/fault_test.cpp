// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/fault.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

using namespace conduit::rpc;
using namespace std::chrono_literals;

TEST_CASE("a fault says what went wrong and whether a retry does harm", "[rpc][fault]") {
    const fault thrown(status::not_found, "no key \"a\"");
    REQUIRE(thrown.code() == status::not_found);
    REQUIRE(thrown.text() == "no key \"a\"");
    REQUIRE(thrown.may_have_run());
    REQUIRE_FALSE(thrown.retry_safe());
    REQUIRE_FALSE(thrown.retry_after());

    const fault not_sent = fault(status::unavailable, "down").ran(false, false);
    REQUIRE_FALSE(not_sent.may_have_run());
    REQUIRE(not_sent.retry_safe());
    const fault idempotent = fault(status::unavailable, "down").ran(true, true).retry_after(250ms);
    REQUIRE(idempotent.may_have_run());
    REQUIRE(idempotent.retry_safe());
    REQUIRE(idempotent.retry_after() == 250ms);
}

TEST_CASE("a copy of a fault has the details of a typed error", "[rpc][fault]") {
    fault original(status::unknown, "disk full");
    REQUIRE(original.type().empty());
    REQUIRE(original.details().empty());
    original.with_details("no_space", std::vector<std::byte>(3, std::byte{7}));
    const fault copy = original;
    REQUIRE(copy.type() == "no_space");
    REQUIRE(copy.details().size() == 3);
}

TEST_CASE("each status has the name that gRPC gives it", "[rpc][fault]") {
    REQUIRE(to_string(status::ok) == "ok");
    REQUIRE(to_string(status::cancelled) == "cancelled");
    REQUIRE(to_string(status::deadline_exceeded) == "deadline_exceeded");
    REQUIRE(to_string(status::unauthenticated) == "unauthenticated");
    REQUIRE(static_cast<int>(status::unauthenticated) == 16);
    REQUIRE(to_string(static_cast<status>(17)) == "unknown");
}
