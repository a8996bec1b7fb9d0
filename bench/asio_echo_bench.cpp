// SPDX-License-Identifier: BSL-1.0
//
// The peer in echo.unix: Asio's awaitables at the work of echo_bench.cpp, as an Asio user would
// write it. Asio does not count its system calls.
//
//     asio_echo_bench <connections> [messages]

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "raw/echo.h"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <system_error>
#include <utility>

namespace {

using asio::use_awaitable;
using unix_socket = asio::local::stream_protocol::socket;

asio::awaitable<void> echo(unix_socket given) {
    unix_socket client = std::move(given);
    std::array<std::byte, buffer_bytes> buffer{};
    for (;;) {
        std::error_code ended;
        const std::size_t got = co_await client.async_read_some(
            asio::buffer(buffer), asio::redirect_error(use_awaitable, ended));
        if (ended == asio::error::eof) co_return;
        if (ended) throw std::system_error(ended);
        co_await asio::async_write(client, asio::buffer(buffer, got), use_awaitable);
    }
}

void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(std::move(failure));
}

void serve(const int* sockets, int connections, tally* done) {
    asio::io_context context(1);  // 1: no locking between threads is needed
    for (int i = 0; i < connections; ++i) {
        unix_socket client(context, asio::local::stream_protocol(), sockets[i]);
        asio::co_spawn(context, echo(std::move(client)), rethrow);
    }
    context.run();
    done->syscalls = -1;
}

}  // namespace

int main(int argc, char** argv) try {
    const long connections = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 0;
    const long messages = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 200000;
    if (connections < 1 || connections > connections_max) {
        std::cerr << "usage: asio_echo_bench <connections, up to 1024> [messages]\n";
        return 2;
    }
    return run_echo("asio", serve, static_cast<int>(connections), messages);
} catch (const std::exception& why) {
    std::cerr << "asio_echo_bench: " << why.what() << '\n';
    return 1;
}
