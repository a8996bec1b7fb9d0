// SPDX-License-Identifier: BSL-1.0
//
// idle.connections: what a server pays for clients that say nothing. It accepts them, and each has
// a task that waits in receive_lent(). idle.hpp measures it; the same with calls is in
// rpc_idle_bench.cpp.
//
//     idle_bench epoll|uring [connections]

#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include "idle.hpp"

#include <sys/un.h>

#include <exception>
#include <iostream>
#include <string>
#include <utility>

namespace {

using conduit::task;

task<> serve_one(conduit::unix_stream given) {
    conduit::unix_stream client = std::move(given);
    for (;;) {
        auto arrived = co_await client.receive_lent();
        if (!arrived || arrived->empty()) co_return;
    }
}

task<> accept_all(std::string path, int tell) {
    auto opened = conduit::unix_listener::listen(path);
    conduit::unix_listener& listener = opened.value();
    conduit::task_scope scope;
    if (::write(tell, "r", 1) != 1) fail("write");
    for (;;) {
        auto client = co_await listener.accept();
        scope.spawn(serve_one(std::move(client.value())));
    }
}

void serve(conduit::backend_kind kind, const std::string& path, int tell) {
    conduit::scheduler sched(conduit::scheduler_options().backend(kind));
    sched.run(accept_all(path, tell));
}

int connect_to(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    return fd;
}

void connect(const std::string& path, long connections, int tell) {
    for (long i = 0; i < connections; ++i) connect_to(path);
    if (::write(tell, "r", 1) != 1) fail("write");
    for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) try {
    const idle_work work = {"idle.connections", serve, connect};
    return run_idle(work, argc, argv);
} catch (const std::exception& why) {
    std::cerr << "idle_bench: " << why.what() << '\n';
    return 1;
}
