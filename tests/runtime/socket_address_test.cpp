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

TEST_CASE("an IP address is read from its text form and prints it", "[runtime][socket_address]") {
    for (const std::string text : {"127.0.0.1", "192.0.2.255", "::1", "2001:db8::7", "fe80::1%3"}) {
        const auto address = socket_address::ip(text, 80);
        REQUIRE(address.value().host() == text);
        REQUIRE(address.value().port() == 80);
    }
    for (const std::string text : {"", "127.1", "1.2.3.256", "::g", "localhost", "fe80::1%eth0",
                                   "127.0.0.1%1", "::1%0", "::1%"}) {
        REQUIRE(socket_address::ip(text, 80).error() == std::errc::invalid_argument);
    }
    REQUIRE_FALSE(socket_address::ip(std::string_view("::1\0", 4), 80));
    REQUIRE(socket_address::ip("127.0.0.1", 5).value() == socket_address::ipv4_loopback(5));
    REQUIRE(socket_address().host().empty());
}

TEST_CASE("a socket address prints as people write it", "[runtime][socket_address]") {
    REQUIRE(to_string(socket_address::ipv4_loopback(80)) == "127.0.0.1:80");
    REQUIRE(to_string(socket_address::ip("::1", 80).value()) == "[::1]:80");
    REQUIRE(to_string(socket_address::unix_path("/run/x").value()) == "/run/x");
    REQUIRE(to_string(socket_address()) == "unnamed");
}

TEST_CASE("loopback is told from other addresses", "[runtime][socket_address]") {
    for (const std::string text : {"127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"}) {
        REQUIRE(socket_address::ip(text, 1).value().is_loopback());
    }
    for (const std::string text : {"0.0.0.0", "128.0.0.1", "::", "::2", "::ffff:10.0.0.1"}) {
        REQUIRE_FALSE(socket_address::ip(text, 1).value().is_loopback());
    }
    REQUIRE_FALSE(socket_address::unix_path("/x").value().is_loopback());
}
