// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/socket_address.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace conduit;

TEST_CASE("a Unix address keeps its path", "[runtime][socket_address]") {
    const auto address = socket_address::unix_path("/run/x").value();
    REQUIRE(address.get_family() == socket_address::family::unix_path);
    REQUIRE(address.path() == "/run/x");
    REQUIRE(address.port() == 0);
}

TEST_CASE("a Unix path is refused empty, with a zero byte, or beyond 107 bytes",
          "[runtime][socket_address]") {
    const std::string longest(107, 'a');
    REQUIRE(socket_address::unix_path(longest).value().path() == longest);
    REQUIRE(socket_address::unix_path(longest + "a").error() == std::errc::filename_too_long);
    REQUIRE(socket_address::unix_path("").error() == std::errc::invalid_argument);
    REQUIRE(socket_address::unix_path(std::string_view("a\0b", 3)).error() ==
            std::errc::invalid_argument);
}

TEST_CASE("IP addresses keep their port", "[runtime][socket_address]") {
    const auto four = socket_address::ipv4({192, 0, 2, 1}, 7111);
    const auto six = socket_address::ipv6({0x20, 0x01, 0x0d, 0xb8}, 7112);
    REQUIRE(four.get_family() == socket_address::family::ipv4);
    REQUIRE(four.port() == 7111);
    REQUIRE(four.path().empty());
    REQUIRE(six.get_family() == socket_address::family::ipv6);
    REQUIRE(six.port() == 7112);
}

TEST_CASE("an address survives its bytes", "[runtime][socket_address]") {
    const auto address = socket_address::ipv4_loopback(80);
    const auto copy = socket_address::from_bytes(address.bytes());
    REQUIRE(copy.port() == 80);
    REQUIRE(copy.bytes().size() == address.bytes().size());
}

TEST_CASE("no bytes are no address, and too many are cut", "[runtime][socket_address]") {
    REQUIRE(socket_address().get_family() == socket_address::family::none);
    const std::vector<std::byte> many(1000);
    REQUIRE(socket_address::from_bytes(many).bytes().size() == 128);
}
