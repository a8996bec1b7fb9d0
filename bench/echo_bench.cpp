// SPDX-License-Identifier: BSL-1.0
//
// stream.echo.unix on conduit: one task per connection, buffers lent by the scheduler, as many and
// as large as those of the floor, bench/raw/echo.c. The peer is bench/asio_echo_bench.cpp;
// bench/raw/echo.h measures them all.
//
//     echo_bench epoll|uring <connections> [messages]

#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include "raw/echo.h"

#include <fcntl.h>

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

using conduit::backend_kind;
using conduit::task;
using conduit::unix_stream;

conduit::scheduler_options on(backend_kind kind) {
    return conduit::scheduler_options().backend(kind).lent_buffers(buffers, buffer_bytes);
}

unix_stream adopted(int fd) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return unix_stream::adopt(conduit::unique_fd(fd)).value();
}

task<> echo(unix_stream given) {
    unix_stream client = std::move(given);
    for (;;) {
        auto arrived = co_await client.receive_lent();
        if (arrived.value().empty()) co_return;
        auto sent = co_await client.write_some(arrived->bytes());
        if (sent.value() != arrived->bytes().size()) throw std::runtime_error("a short answer");
    }
}

task<> echo_all(std::span<const int> sockets) {
    conduit::task_scope scope;
    for (const int fd : sockets) scope.spawn(echo(adopted(fd)));
    co_await scope.join();
}

template <backend_kind kind>
void serve(const int* sockets, int connections, tally* done) {
    conduit::scheduler sched(on(kind));
    sched.run(echo_all({sockets, static_cast<std::size_t>(connections)}));
    done->syscalls = static_cast<long>(sched.counters().system_calls.value());
}

}  // namespace

int main(int argc, char** argv) try {
    const std::string_view backend = argc > 2 ? argv[1] : "";
    const long connections = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 0;
    const long messages = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 200000;
    if ((backend != "epoll" && backend != "uring") || connections < 1 ||
        connections > connections_max) {
        std::cerr << "usage: echo_bench epoll|uring <connections, up to 1024> [messages]\n";
        return 2;
    }
    const bool is_ring = backend == "uring";
    try {
        const conduit::scheduler probe(on(is_ring ? backend_kind::uring : backend_kind::epoll));
    } catch (const std::system_error& why) {
        std::cerr << why.what() << '\n';
        return 3;
    }
    return run_echo(is_ring ? "conduit_uring" : "conduit_epoll",
                    is_ring ? serve<backend_kind::uring> : serve<backend_kind::epoll>,
                    static_cast<int>(connections), messages);
} catch (const std::exception& why) {
    std::cerr << "echo_bench: " << why.what() << '\n';
    return 1;
}
