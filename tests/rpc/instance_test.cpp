// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/instance.hpp>

#include <conduit/rpc/codec.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <vector>

using namespace conduit::rpc;

TEST_CASE("a version serves those who want the same major and no greater minor one",
          "[matchmaker]") {
    REQUIRE(serves({1, 2}, {1, 2}));
    REQUIRE(serves({1, 3}, {1, 2}));
    REQUIRE_FALSE(serves({1, 1}, {1, 2}));
    REQUIRE_FALSE(serves({2, 9}, {1, 2}));
    REQUIRE_FALSE(serves({1, 9}, {2, 0}));
}

TEST_CASE("an instance can be sent and arrives as it was", "[matchmaker]") {
    instance sent;
    sent.id = {7, 12};
    sent.owner = {1000, 42, {1, 2, 3}, 99};
    sent.offer = {"echo", "unix:/x", {3, 4}, 5, {"a", "b"}};
    sent.state = instance_state::suspect;
    sent.revision = 77;
    std::vector<std::byte> bytes(encoded_size(sent));
    encode_fields(bytes.data(), sent);
    instance received;
    const auto decoded =
        decode_fields(bytes, decode_limits::for_message(bytes.size()), {}, received);
    REQUIRE(decoded);
    REQUIRE(received == sent);
    REQUIRE(to_string(received.id) == "7-12");
}

TEST_CASE("states and reasons have a text each", "[matchmaker]") {
    REQUIRE(to_string(gone_reason::lost_in_restart) == "lost_in_restart");
    REQUIRE(to_string(gone_reason::hung) == "hung");
    REQUIRE(to_string(static_cast<gone_reason>(99)) == "unknown");
    REQUIRE(to_string(instance_state::unconfirmed) == "unconfirmed");
    REQUIRE(to_string(static_cast<instance_state>(99)) == "unknown");
}
