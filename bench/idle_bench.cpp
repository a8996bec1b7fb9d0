// SPDX-License-Identifier: BSL-1.0
//
// idle.connections: what a server pays for clients that say nothing. It accepts them, and each has
// a task that waits in receive_lent(). Reported are the server's own memory per connection, and how
// often its process is woken in a second in which nobody says a word.
//
//     idle_bench epoll|uring [connections]

#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include "raw/raw.h"

#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using conduit::backend_kind;
using conduit::task;

/// The number behind "key" in /proc/<pid>/status.
long status_of(pid_t pid, std::string_view key) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(key)) return std::strtol(line.c_str() + key.size() + 1, nullptr, 10);
    }
    return -1;
}

/// As many descriptors as this process may have.
void raise_limit() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

task<> serve(conduit::unix_stream given) {
    conduit::unix_stream client = std::move(given);
    for (;;) {
        auto arrived = co_await client.receive_lent();
        if (!arrived || arrived->empty()) co_return;
    }
}

/// Says how much memory (KiB) the connections took once all are there; ends with the process.
task<> accept_all(const std::string& path, long connections, int tell) {
    auto opened = conduit::unix_listener::listen(path);
    conduit::unix_listener& listener = opened.value();
    conduit::task_scope scope;
    char ready = 'r';
    if (::write(tell, &ready, 1) != 1) fail("write");
    const long before = status_of(::getpid(), "RssAnon:");
    for (long i = 0; i < connections; ++i) {
        auto client = co_await listener.accept();
        scope.spawn(serve(std::move(client.value())));
    }
    const long used = status_of(::getpid(), "RssAnon:") - before;
    if (::write(tell, &used, sizeof used) != sizeof used) fail("write");
    co_await scope.join();
}

[[noreturn]] void run_server(backend_kind kind, const std::string& path, long connections,
                             int tell) {
    conduit::scheduler sched(conduit::scheduler_options().backend(kind));
    sched.run(accept_all(path, connections, tell));
    ::_exit(0);
}

int connect_to(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    return fd;
}

long wakeups_of(pid_t server) {
    return status_of(server, "voluntary_ctxt_switches:") +
           status_of(server, "nonvoluntary_ctxt_switches:");
}

void report_amount(std::string_view what, std::string_view backend, double amount,
                   std::string_view unit) {
    std::cout << R"({"name": "idle.connections.)" << what << "/conduit_" << backend
              << R"(", "real_time": )" << amount << R"(, "time_unit": ")" << unit << "\"}";
}

int measure(std::string_view backend, long connections) {
    constexpr int seconds = 5;
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    const std::string path = std::string(folder) + "/s";
    int told[2];
    if (::pipe(told) != 0) fail("pipe");
    const pid_t server = ::fork();
    if (server == 0) {
        run_server(backend == "uring" ? backend_kind::uring : backend_kind::epoll, path,
                   connections, told[1]);
    }
    ::close(told[1]);
    char ready = 0;
    if (::read(told[0], &ready, 1) != 1) return 3;  // it has said why
    std::vector<int> clients;
    for (long i = 0; i < connections; ++i) clients.push_back(connect_to(path));
    long kibibytes = 0;
    if (::read(told[0], &kibibytes, sizeof kibibytes) != sizeof kibibytes) fail("read");
    ::sleep(1);
    const long before = wakeups_of(server);
    ::sleep(seconds);
    const long after = wakeups_of(server);
    ::kill(server, SIGKILL);
    ::waitpid(server, nullptr, 0);
    ::unlink(path.c_str());
    ::unlink((path + ".lock").c_str());
    ::rmdir(folder);
    std::cout << R"({"benchmarks": [)";
    const double bytes = 1024.0 * static_cast<double>(kibibytes);
    report_amount("memory", backend, bytes / static_cast<double>(connections), "B");
    std::cout << ", ";
    report_amount("wakeups", backend, static_cast<double>(after - before) / seconds, "1/s");
    std::cout << "]}\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    const long connections = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 10000;
    if ((backend != "epoll" && backend != "uring") || connections < 1) {
        std::cerr << "usage: idle_bench epoll|uring [connections]\n";
        return 2;
    }
    raise_limit();
    return measure(backend, connections);
} catch (const std::exception& why) {
    std::cerr << "idle_bench: " << why.what() << '\n';
    return 1;
}
