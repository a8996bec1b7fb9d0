// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/address.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

std::string complaint_about(std::string_view text) {
    std::string why;
    const auto parsed = address::parse(text, &why);
    REQUIRE(parsed.error() == std::errc::invalid_argument);
    return why;
}

std::vector<std::string> words_of(std::string_view text) {
    return address::parse(text).value().words();
}

using words = std::vector<std::string>;

/// Bytes that mean something to the parser more often than others.
std::string random_text(std::mt19937_64& choices, std::size_t bytes_max) {
    constexpr std::string_view special = ":[]%./@'\"\\ \t\n09az-_AZ$*";
    std::string text;
    const std::size_t bytes = choices() % (bytes_max + 1);
    while (text.size() < bytes) {
        const auto any = static_cast<char>(choices() % 256);
        text += choices() % 4 == 0 ? any : special[choices() % special.size()];
    }
    return text;
}

}  // namespace

TEST_CASE("an address parses and prints in each of its forms", "[channels][address]") {
    for (const std::string_view text :
         {"unix:/run/x", "unix:relative", "unix:/with: colon", "fifo:/run/x", "tcp:localhost:80",
          "tcp:127.0.0.1:0", "tcp:[::1]:65535", "tcp:[fe80::1%eth0]:http", "tcp:a.b.:http-alt",
          "udp:192.0.2.1:53", "exec:cat", "exec:sort -u /etc/x", "exec:a '' 'b c'", "stdio:"}) {
        const auto parsed = address::parse(text);
        INFO(text);
        REQUIRE(parsed);
        REQUIRE(to_string(*parsed) == text);
    }
}

TEST_CASE("the parts of an address can be asked for", "[channels][address]") {
    const auto tcp = address::parse("tcp:[::1]:http").value();
    const auto udp = address::parse("udp:Example.ORG:53").value();
    const auto path = address::parse("unix:/run/x").value();
    const auto exec = address::parse("exec:sort -u").value();
    REQUIRE(tcp.kind() == address_kind::tcp);
    REQUIRE(tcp.host() == "::1");
    REQUIRE(tcp.service() == "http");
    REQUIRE(udp.kind() == address_kind::udp);
    REQUIRE(udp.host() == "example.org");
    REQUIRE(path.kind() == address_kind::unix_socket);
    REQUIRE(path.path() == "/run/x");
    REQUIRE(exec.words() == words{"sort", "-u"});
}

TEST_CASE("an address made from parts equals the parsed one", "[channels][address]") {
    REQUIRE(address::tcp("::1", "80").value() == address::parse("tcp:[::1]:80").value());
    REQUIRE(address::udp("localhost", "dns").value() ==
            address::parse("udp:localhost:dns").value());
    REQUIRE(address::unix_socket("/x").value() == address::parse("unix:/x").value());
    REQUIRE(address::fifo("/x").value() == address::parse("fifo:/x").value());
    REQUIRE(address::exec(words{"a", "b c"}).value() == address::parse("exec:a 'b c'").value());
    REQUIRE(address::stdio() == address::parse("stdio:").value());
    REQUIRE_FALSE(address::unix_socket("/x").value() == address::fifo("/x").value());
    REQUIRE(address::exec(words()).error() == std::errc::invalid_argument);
    REQUIRE(address::tcp("a b", "80").error() == std::errc::invalid_argument);
}

TEST_CASE("equal addresses have equal hashes", "[channels][address]") {
    std::unordered_set<address> known;
    known.insert(address::parse("tcp:HOST:1").value());
    known.insert(address::parse("tcp:host:1").value());
    known.insert(address::parse("udp:host:1").value());
    REQUIRE(known.size() == 2);
}

TEST_CASE("the words of exec: are split without a shell", "[channels][address]") {
    REQUIRE(words_of("exec:  a \t b\nc ") == words{"a", "b", "c"});
    REQUIRE(words_of("exec:echo $HOME *|>~#") == words{"echo", "$HOME", "*|>~#"});
    REQUIRE(words_of(R"(exec:a 'b "c\' d)") == words{"a", "b \"c\\", "d"});
    REQUIRE(words_of(R"(exec:a "b 'c\" \\ \d")") == words{"a", "b 'c\" \\ d"});
    REQUIRE(words_of(R"(exec:a\ b x'y'"z")") == words{"a b", "xyz"});
    REQUIRE(words_of("exec:a '' \"\"") == words{"a", "", ""});
}

TEST_CASE("a bad address gets a message that names what, where and the limit",
          "[channels][address]") {
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"", "byte 0: it begins with none of unix: tcp:"},
        {"tcp", "byte 0: it begins with none of"},
        {"http://x", "byte 0: it begins with none of"},
        {"unix:", "byte 5: a path is missing"},
        {"unix:@x", "byte 5: there are no abstract names"},
        {"unix:" + std::string(4096, 'a'), "byte 4100: the path has 4096 bytes; at most 4095"},
        {"fifo:", "byte 5: a path is missing"},
        {"tcp:", "byte 4: a colon and a port are missing"},
        {"tcp:host", "byte 8: a colon and a port are missing"},
        {"tcp::80", "byte 4: a host is missing"},
        {"tcp:host:", "byte 9: a port is missing"},
        {"tcp:host:65536", "byte 9: a port is at most 65535"},
        {"tcp:host:080", "byte 9: a port begins with no 0"},
        {"tcp:host:-1", "byte 9: a port is a number up to 65535 or the name"},
        {"tcp:host:8 0", "byte 10: a port is a number"},
        {"tcp:host:" + std::string(32, 'x'), "byte 40: the service has 32 bytes; at most 31"},
        {"tcp:::1:80", "byte 4: an IPv6 address stands in brackets"},
        {"tcp:[::1:80", "byte 4: this [ is not closed"},
        {"tcp:[::1]80", "byte 9: a colon and a port are missing"},
        {"tcp:[::g]:80", "byte 5: this is not an IPv6 address"},
        {"tcp:[localhost]:80", "byte 5: this is not an IPv6 address"},
        {"tcp:[127.0.0.1]:80", "byte 5: this is not an IPv6 address"},
        {"tcp:[::1%]:80", "byte 9: behind % stands an interface"},
        {"tcp:a..b:80", "byte 6: a part of the host name is empty"},
        {"tcp:a.b c:80", "byte 7: a host name has letters a to z"},
        {"tcp:1.2.3.256:80", "byte 4: this is not an IPv4 address"},
        {"tcp:127.1:80", "byte 4: this is not an IPv4 address"},
        {"tcp:" + std::string(64, 'a') + ":80", "byte 67: a part of the host name has 64 bytes"},
        {"tcp:" + std::string(254, 'a') + ":80", "byte 257: the host has 254 bytes; at most 253"},
        {"exec:", "byte 5: a program is missing"},
        {"exec:  ", "byte 5: a program is missing"},
        {"exec:''", "byte 5: a program is missing"},
        {"exec:a 'b", "byte 7: this ' is not closed"},
        {"exec:a \"b\\\"", "byte 7: this \" is not closed"},
        {"exec:a \\", "byte 7: nothing stands behind this \\"},
        {"exec:" + std::string(131'071, 'a'), "the words have 131072 bytes; at most 131071"},
        {"stdio:x", "byte 6: nothing follows stdio:"},
    };
    for (const auto& [text, message] : expected) {
        INFO(text.substr(0, 80));
        REQUIRE_THAT(complaint_about(text), Catch::Contains(message));
    }
}

TEST_CASE("a zero byte is refused wherever it stands", "[channels][address]") {
    REQUIRE_THAT(complaint_about(std::string_view("unix:/a\0b", 9)), Catch::Contains("byte 7"));
    REQUIRE_THAT(complaint_about(std::string_view("exec:a\0b", 8)), Catch::Contains("zero byte"));
    REQUIRE_THAT(complaint_about(std::string_view("tcp:a\0b:1", 9)), Catch::Contains("byte 5"));
    REQUIRE_THAT(complaint_about(std::string_view("tcp:[::1\0]:1", 12)), Catch::Contains("IPv6"));
}

TEST_CASE("a message about an address cannot harm a terminal", "[channels][address]") {
    REQUIRE(complaint_about("tcp:\x1b[31m'\xff:1") ==
            "address 'tcp:\\x1b[31m\\x27\\xff:1', byte 4: a host name has letters a to z, digits, "
            "- and _ only; write other letters in the form xn--...");
    REQUIRE_THAT(complaint_about("x" + std::string(1000, 'y')),
                 Catch::Contains("' and 937 more bytes, byte 0"));
}

TEST_CASE("what an address prints parses to an equal one, whatever is in it",
          "[channels][address][fuzz]") {
    std::mt19937_64 choices(20'261);
    int made = 0;
    for (int i = 0; i < 20'000; ++i) {
        words some;
        for (std::size_t n = choices() % 4; n > 0; --n) some.push_back(random_text(choices, 8));
        const std::string text = random_text(choices, 12);
        for (const auto& one : {address::exec(some), address::unix_socket(text),
                                address::fifo(text), address::tcp(text, random_text(choices, 4))}) {
            if (!one) continue;
            ++made;
            INFO(to_string(*one));
            REQUIRE(address::parse(to_string(*one)).value() == *one);
        }
    }
    REQUIRE(made > 10'000);
}

TEST_CASE("no text confuses the parser", "[channels][address][fuzz]") {
    std::mt19937_64 choices(20'262);
    const words schemes = {"unix:", "tcp:", "udp:", "fifo:", "exec:", "stdio:", ""};
    for (int i = 0; i < 100'000; ++i) {
        const std::string text = schemes[choices() % schemes.size()] + random_text(choices, 16);
        std::string why;
        const auto parsed = address::parse(text, &why);
        INFO(why);
        REQUIRE(parsed.has_value() == why.empty());
        if (!parsed) continue;
        REQUIRE(address::parse(to_string(*parsed)).value() == *parsed);
    }
}
