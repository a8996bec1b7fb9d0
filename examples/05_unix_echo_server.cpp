// SPDX-License-Identifier: BSL-1.0
//
// Sends back what comes, to any number of clients at a time, until SIGINT or SIGTERM:
//
//     05_unix_echo_server [--once] [PATH]              with --once for one client
//
// 05_unix_echo_client is the other side.

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

using namespace conduit;

namespace {

task<> echo(unix_stream client) {
    unix_stream peer = std::move(client);
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        auto got = co_await peer.read_some(buffer);
        if (!got || *got == 0) break;
        auto sent = co_await write_all(peer, std::span(buffer).first(*got));
        if (!sent) break;
    }
}

task<int> serve(std::string path, bool once) {
    const std::string where = std::move(path);
    auto listener = unix_listener::listen(where);
    if (!listener) {
        const std::string trouble = socket_path_trouble(where);
        const std::string why = trouble.empty() ? listener.error().message() : trouble;
        std::fprintf(stderr, "cannot listen at %s: %s\n", where.c_str(), why.c_str());
        co_return 1;
    }
    task_scope clients;
    while (auto client = co_await listener->accept()) {
        clients.spawn(echo(std::move(*client)));
        if (once) break;
    }
    co_await clients.join();
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    int next = 1;
    const bool once = next < argc && std::string_view(argv[next]) == "--once";
    if (once) ++next;
    return run_until_signal(serve(next < argc ? argv[next] : "echo.socket", once));
}
