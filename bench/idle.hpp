// SPDX-License-Identifier: BSL-1.0
//
// What idle connections are measured with: a server and a client, each in a process of its own, and
// a third that looks at the server from outside. Reported are the server's own memory per
// connection, and how often its process is woken in a second in which nobody says a word.
//
//     const idle_work work = {"idle.connections", serve, connect};
//     return run_idle(work, argc, argv);

#pragma once

#include <conduit/runtime/scheduler.hpp>

#include "raw/raw.h"

#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

/// Each says one byte to `tell` when it is ready: the server when it listens, the client when all
/// are connected. Neither returns.
struct idle_work {
    std::string_view name;
    void (*serve)(conduit::backend_kind kind, const std::string& path, int tell);
    void (*connect)(const std::string& path, long connections, int tell);
};

namespace idle_detail {

/// The number behind "key" in /proc/<pid>/status.
inline long status_of(pid_t pid, std::string_view key) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(key)) return std::strtol(line.c_str() + key.size() + 1, nullptr, 10);
    }
    return -1;
}

inline long wakeups_of(pid_t server) {
    return status_of(server, "voluntary_ctxt_switches:") +
           status_of(server, "nonvoluntary_ctxt_switches:");
}

/// As many descriptors as this process may have.
inline void raise_limit() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

/// A process, once it has said that it is ready; killed when its owner goes.
class process {
public:
    explicit process(const auto& body) {
        int told[2];
        if (::pipe(told) != 0) fail("pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(told[0]);
            run(body, told[1]);
        }
        ::close(told[1]);
        char word = 0;
        is_ready_ = ::read(told[0], &word, 1) == 1;
        ::close(told[0]);
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    /// Otherwise it has said why.
    bool is_ready() const noexcept { return is_ready_; }
    pid_t pid() const noexcept { return pid_; }

private:
    [[noreturn]] static void run(const auto& body, int tell) {
        try {
            body(tell);
        } catch (const std::exception& why) {
            std::cerr << why.what() << '\n';
        }
        ::_exit(1);
    }

    pid_t pid_ = -1;
    bool is_ready_ = false;
};

inline void report(const idle_work& work, std::string_view what, std::string_view backend,
                   double amount, std::string_view unit) {
    std::cout << R"({"name": ")" << work.name << '.' << what << "/conduit_" << backend
              << R"(", "real_time": )" << amount << R"(, "cpu_time": )" << amount
              << R"(, "time_unit": ")" << unit << "\"}";
}

inline int measure(const idle_work& work, std::string_view backend, long connections,
                   const std::string& path) {
    constexpr int seconds = 5;
    const auto kind =
        backend == "uring" ? conduit::backend_kind::uring : conduit::backend_kind::epoll;
    const process server([&](int tell) { work.serve(kind, path, tell); });
    if (!server.is_ready()) return 3;
    const long empty = status_of(server.pid(), "RssAnon:");
    const process client([&](int tell) { work.connect(path, connections, tell); });
    if (!client.is_ready()) return 1;
    ::sleep(1);
    const double kibibytes = static_cast<double>(status_of(server.pid(), "RssAnon:") - empty);
    const long before = wakeups_of(server.pid());
    ::sleep(seconds);
    const long after = wakeups_of(server.pid());
    std::cout << R"({"benchmarks": [)";
    report(work, "memory", backend, 1024 * kibibytes / static_cast<double>(connections), "B");
    std::cout << ", ";
    report(work, "wakeups", backend, static_cast<double>(after - before) / seconds, "1/s");
    std::cout << "]}\n";
    return 0;
}

}  // namespace idle_detail

/// Yields what main() returns.
inline int run_idle(const idle_work& work, int argc, char** argv) {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    const long connections = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 10000;
    if ((backend != "epoll" && backend != "uring") || connections < 1) {
        std::cerr << "usage: " << argv[0] << " epoll|uring [connections]\n";
        return 2;
    }
    idle_detail::raise_limit();
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    const int code = idle_detail::measure(work, backend, connections, std::string(folder) + "/s");
    std::filesystem::remove_all(folder);
    return code;
}
