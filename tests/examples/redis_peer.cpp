// SPDX-License-Identifier: BSL-1.0
//
// Says what redis-cli never says to a Redis server at a Unix socket: requests in pieces, requests
// that are none, clients that do not read. With --real it leaves out where the example differs from
// Redis, so that the rest can be held against that: its limits are less, and it answers what was
// asked before a client ended its side, where Redis drops it.
//
//     redis_peer SOCKET [--real]

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// What is sent over a connection of its own, all that comes back, and who ends it.
struct exchange {
    std::string name;
    std::string sent;
    std::string expected;
    bool server_ends = false;
};

std::string repeat(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

std::string protocol_error(const std::string& what) {
    return "-ERR Protocol error: " + what + "\r\n";
}

std::vector<exchange> everywhere() {
    using namespace std::string_literals;
    const std::string key = "*2\r\n$3\r\nGET\r\n$1\r\n";
    return {
        {"an array", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n"},
        {"an inline command", "PING\r\n", "+PONG\r\n"},
        {"an inline command without a carriage return", "  ping  \t hi \n", "$2\r\nhi\r\n"},
        {"many at once", "PING\r\n*2\r\n$4\r\nPING\r\n$2\r\nhi\r\nPING\r\n",
         "+PONG\r\n$2\r\nhi\r\n+PONG\r\n"},
        {"a thousand at once", repeat("*1\r\n$4\r\nPING\r\n", 1000), repeat("+PONG\r\n", 1000)},
        {"empty requests", "\r\n*0\r\n*-1\r\nPING\r\n", "+PONG\r\n"},
        {"any bytes", "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$5\r\n\0\r\n\xff*\r\n"s + key + "b\r\n",
         "+OK\r\n$5\r\n\0\r\n\xff*\r\n"s},
        {"an empty value", "*3\r\n$3\r\nSET\r\n$1\r\ne\r\n$0\r\n\r\n" + key + "e\r\n",
         "+OK\r\n$0\r\n\r\n"},
        {"quotes", "set q \"a\\x41\\n\\\"\\q\" \r\nget 'q'\r\nset q 'it\\'s\\n'\nget q\n",
         "+OK\r\n$5\r\naA\n\"q\r\n+OK\r\n$6\r\nit's\\n\r\n"},
        {"a quote without an end", "GET \"abc\r\n", protocol_error("unbalanced quotes in request"),
         true},
        {"a quote that ends within a word", "GET 'a'b\r\n",
         protocol_error("unbalanced quotes in request"), true},
        {"a word that is no bulk", "*1\r\n:4\r\n", protocol_error("expected '$', got ':'"), true},
        {"an array of no number", "*a\r\n", protocol_error("invalid multibulk length"), true},
        {"an array of 01", "*01\r\n", protocol_error("invalid multibulk length"), true},
        {"a huge array", "*2147483648\r\n", protocol_error("invalid multibulk length"), true},
        {"a bulk of less than nothing", "*1\r\n$-1\r\n", protocol_error("invalid bulk length"),
         true},
        {"a bulk of no number", "*1\r\n$x\r\n", protocol_error("invalid bulk length"), true},
        {"a huge bulk", "*1\r\n$1073741824\r\n", protocol_error("invalid bulk length"), true},
        {"a bulk of more than numbers", "*1\r\n$99999999999999999999\r\n",
         protocol_error("invalid bulk length"), true},
        {"an error behind an answer", "PING\r\n*x\r\nPING\r\n",
         "+PONG\r\n" + protocol_error("invalid multibulk length"), true},
        {"a line of a command without an end", std::string(70'000, 'a'),
         protocol_error("too big inline request"), true},
        {"a line of an array without an end", "*" + std::string(70'000, '1'),
         protocol_error("too big mbulk count string"), true},
        {"a line of a bulk without an end", "*1\r\n$" + std::string(70'000, '1'),
         protocol_error("too big bulk count string"), true},
        {"QUIT", "QUIT\r\nPING\r\n", "+OK\r\n", true},
        {"a browser", "POST / HTTP/1.1\r\nHost: localhost\r\nset stolen 1\r\n", "", true},
        {"an error that holds a line's end", "*2\r\n$3\r\nFOO\r\n$3\r\na\r\n\r\n",
         "-ERR unknown command 'FOO', with args beginning with: 'a  ' \r\n"},
        {"half a request", "*2\r\n$3\r\nGET\r\n", ""},
        {"nothing", "", ""},
    };
}

std::vector<exchange> of_the_example() {
    const std::string big(600'000, 'x');
    return {
        {"a bulk beyond the limit", "*1\r\n$1048577\r\n", protocol_error("invalid bulk length"),
         true},
        {"an array beyond the limit", "*16385\r\n", protocol_error("invalid multibulk length"),
         true},
        {"a request beyond the limit",
         "*3\r\n$3\r\nSET\r\n$600000\r\n" + big + "\r\n$600000\r\n" + big + "\r\n",
         protocol_error("too big request"), true},
    };
}

/// What was said to a connection that the server has ended need not arrive.
task<> say(unix_stream& server, std::vector<std::string_view> pieces, bool then_end) {
    const std::vector<std::string_view> own = std::move(pieces);
    for (const std::string_view piece : own) {
        auto sent = co_await write_all(server, bytes_of(piece));
        if (!sent) co_return;
    }
    if (!then_end) co_return;
    auto ended = co_await server.close_writing();
    static_cast<void>(ended);
}

/// All that comes until the server ends the connection, by a reset where it left bytes unread.
task<std::string> hear(unix_stream& server) {
    std::string all;
    std::vector<char> room(std::size_t{64} * 1024);
    for (;;) {
        auto got = co_await server.read_some(std::as_writable_bytes(std::span(room)));
        if (!got && got.error() != std::errc::connection_reset) got.value();
        if (!got || *got == 0) break;
        all.append(room.data(), *got);
    }
    co_return all;
}

task<std::string> converse(std::string path, std::vector<std::string_view> pieces, bool then_end) {
    auto server = co_await unix_stream::connect(path);
    task_scope scope;
    auto saying = scope.spawn(say(server.value(), std::move(pieces), then_end));
    auto heard = co_await within(30s, hear(*server));
    co_await scope.join();
    co_return heard;
}

std::string shown(std::string_view text) {
    constexpr std::size_t most = 100;
    std::string line;
    for (const char c : text.substr(0, most)) {
        if (c == '\r') {
            line += "\\r";
        } else if (c == '\n') {
            line += "\\n";
        } else {
            line += c;
        }
    }
    return text.size() > most ? line + "..." : line;
}

class checks {
public:
    explicit checks(std::string path) : path_(std::move(path)) {}

    /// In one piece, byte by byte, and in two pieces, cut everywhere.
    task<> check(const exchange& of) {
        const std::string_view sent = of.sent;
        std::vector<std::string_view> pieces{sent};
        co_await check_pieces(of, "in one piece", std::move(pieces));
        constexpr std::size_t short_max = 200;
        if (sent.size() > short_max) co_return;
        pieces.clear();
        for (std::size_t i = 0; i < sent.size(); ++i) pieces.push_back(sent.substr(i, 1));
        co_await check_pieces(of, "byte by byte", std::move(pieces));
        for (std::size_t cut = 1; cut < sent.size(); ++cut) {
            pieces = {sent.substr(0, cut), sent.substr(cut)};
            co_await check_pieces(of, "in two pieces", std::move(pieces));
        }
    }

    /// A client that asks for much and reads nothing before it has asked for all.
    task<> check_slow_reader() {
        constexpr int times = 200;
        const std::string value(500'000, 'v');
        const std::string put = "*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$500000\r\n" + value + "\r\n";
        const std::string get = repeat("*2\r\n$3\r\nGET\r\n$4\r\nslow\r\n", times);
        const std::string all = put + get;
        const std::vector<std::string_view> pieces{all};
        auto heard = co_await converse(path_, pieces, true);
        const std::string expected = "+OK\r\n" + repeat("$500000\r\n" + value + "\r\n", times);
        report(heard == expected, "a client that reads late gets all of it");
    }

    /// Whatever comes, the next client is served.
    task<> check_garbage() {
        std::minstd_rand numbers(1);
        constexpr std::string_view alphabet = "*$\r\n01239-\"'\\ GETSPINGx\0\xff";
        for (int round = 0; round < 200; ++round) {
            std::string bytes;
            for (int i = 0; i < 300; ++i) bytes += alphabet[numbers() % alphabet.size()];
            const std::vector<std::string_view> pieces{bytes};
            auto heard = co_await converse(path_, pieces, true);
            static_cast<void>(heard);  // an error or not: that it ends is what counts
        }
        const exchange next{"a client after those", "PING\r\n", "+PONG\r\n"};
        co_await check(next);
    }

    int failures() const noexcept { return failures_; }

private:
    task<> check_pieces(const exchange& of, const char* how, std::vector<std::string_view> pieces) {
        auto heard = co_await converse(path_, std::move(pieces), !of.server_ends);
        report(heard == of.expected, of.name + ", " + how + ", got " + shown(heard));
    }

    void report(bool good, const std::string& what) {
        ++checked_;
        if (good) return;
        ++failures_;
        std::printf("wrong: %s\n", what.c_str());
    }

    std::string path_;
    int checked_ = 0;
    int failures_ = 0;
};

task<int> program(std::string path, bool is_real) {
    checks server(std::move(path));
    std::vector<exchange> all = everywhere();
    if (!is_real) {
        std::vector<exchange> more = of_the_example();
        std::move(more.begin(), more.end(), std::back_inserter(all));
        co_await server.check_slow_reader();
    }
    for (const exchange& each : all) co_await server.check(each);
    co_await server.check_garbage();
    co_return server.failures() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    return run(program(argv[1], argc > 2 && std::string_view(argv[2]) == "--real"));
}
