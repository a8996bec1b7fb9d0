// SPDX-License-Identifier: BSL-1.0
//
// Sends words to 05_unix_echo_server and prints what comes back:
//
//     05_unix_echo_client [PATH [WORD...]]
//
// The server may be started a little later: the client waits for it for 10 seconds.

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<result<unix_stream>> connect_when_it_is_there(const std::string& path) {
    for (;;) {
        auto server = co_await unix_stream::connect(path);
        const std::error_code why = server.error();
        const bool may_come =
            why == std::errc::no_such_file_or_directory || why == std::errc::connection_refused;
        if (!may_come) co_return server;
        const std::error_code ended = co_await sleep_for(10ms);
        if (ended) co_return ended;
    }
}

task<int> ask(std::string path, std::vector<std::string> words) {
    const std::string where = std::move(path);
    const std::vector<std::string> questions = std::move(words);
    auto server = co_await within(10s, connect_when_it_is_there(where));
    if (!server) {
        std::fprintf(stderr, "%s: %s\n", where.c_str(), server.error().message().c_str());
        co_return 1;
    }
    for (const std::string& word : questions) {
        auto sent = co_await write_all(*server, bytes_of(word));
        std::string answer(word.size(), ' ');
        auto got = co_await read_exact(*server, std::as_writable_bytes(std::span(answer)));
        if (!sent || !got) co_return 1;
        std::printf("%s\n", answer.c_str());
    }
    auto ended = co_await server->close_writing();
    std::byte nothing{};
    auto end = co_await server->read_some(std::span(&nothing, 1));
    std::puts(ended && end.value_or(1) == 0 ? "the end" : "no end");
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "echo.socket";
    std::vector<std::string> words(argv + std::min(argc, 2), argv + argc);
    if (words.empty()) words = {"hello", "over", "a", "Unix", "socket"};
    return run(ask(path, words));
}
