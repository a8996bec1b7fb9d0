// SPDX-License-Identifier: BSL-1.0
//
// What every program of the rpc rows is measured with: the shapes of work, the processes, the
// cores, the accounting. A server and a client are functions; each runs in a process of its own,
// the server on the first core allowed, the client on the last. A third process reads the clocks of
// both and what they have counted, before and after, so that start and end are not measured. What
// measures servers of bare streams is echo.h.
//
//     void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) { ... }
//     void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) { ... }
//     int main(int argc, char** argv) { return run_rpc({"grpc", serve, call}, argc, argv); }

#pragma once

#include "raw.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

/// Where allocations.cpp counts those of this process.
extern std::atomic<long>* rpc_allocations;

/// What is done: calls ("unary"), items of one stream ("stream"), or large arguments ("bulk").
struct rpc_shape {
    std::string mode;
    bool is_tcp = false;
    bool is_tls = false;  // over TCP
    int connections = 0;
    int in_flight = 0;
    std::size_t size = 0;
};

/// What one side tells the process that measures. It lies in memory that both see.
///
/// The clock is read for one call in 17, so that reading it is no part of what a call costs.
struct rpc_side {
    /// The server's word that clients may come; with TCP, to which port.
    void listens_at(int port) noexcept { ready.store(port, std::memory_order_release); }

    /// To be called as a unit of work begins; the result goes to done().
    std::int64_t begin() noexcept {
        if (until_sample-- > 0) return 0;
        until_sample = 16;
        return now();
    }

    void done(std::int64_t begun) noexcept {
        add(units, 1);
        if (begun == 0) return;
        const long n = sampled.load(std::memory_order_relaxed);
        latencies[static_cast<std::size_t>(n) % latencies.size()] = now() - begun;
        sampled.store(n + 1, std::memory_order_release);
    }

    void called_system(long times = 1) noexcept { add(system_calls, times); }

    static std::int64_t now() noexcept {
        timespec time{};
        ::clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
    }

    /// There is one writer, so that a plain addition will do.
    static void add(std::atomic<long>& sum, long amount) noexcept {
        sum.store(sum.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::atomic<int> ready{-1};
    std::atomic<long> units{0};
    std::atomic<long> system_calls{0};  // 0: not counted
    std::atomic<long> allocations{0};
    int until_sample = 0;
    std::atomic<long> sampled{0};
    std::array<std::int64_t, 1 << 17> latencies{};  // nanoseconds, the latest ones
};

using rpc_role = void(const rpc_shape& shape, const std::string& address, rpc_side& mine);

/// Who is measured. Its address is "unix:<path>" or "tcp:127.0.0.1:<port>"; a server's port is 0.
struct rpc_program {
    const char* who;
    rpc_role* serve;
    rpc_role* call;
    bool has_tls = false;
};

namespace rpc_detail {

/// Moves this process to the first or the last of the cores it may run on.
inline void take_core(bool is_last) {
    cpu_set_t allowed;
    cpu_set_t mine;
    int chosen = -1;
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    for (int i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &allowed) && (is_last || chosen < 0)) chosen = i;
    }
    CPU_ZERO(&mine);
    CPU_SET(chosen, &mine);
    ::sched_setaffinity(0, sizeof mine, &mine);
}

inline rpc_side& make_side() {
    void* memory = ::mmap(nullptr, sizeof(rpc_side), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return *new (memory) rpc_side;
}

/// One of the two processes; killed when its owner goes.
class rpc_process {
public:
    rpc_process(rpc_role* role, bool is_last, const rpc_shape& shape, const std::string& address)
        : side(make_side()), pid_(::fork()) {
        if (pid_ != 0) return;
        take_core(is_last);
        rpc_allocations = &side.allocations;
        run(role, shape, address);
    }
    rpc_process(const rpc_process&) = delete;
    rpc_process& operator=(const rpc_process&) = delete;
    ~rpc_process() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    /// The code it ended with, or -1 while it runs.
    int exit_code() {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_) return -1;
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }

    double cpu_seconds() const {
        clockid_t clock{};
        timespec used{};
        ::clock_getcpuclockid(pid_, &clock);
        ::clock_gettime(clock, &used);
        return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
    }

    rpc_side& side;

private:
    [[noreturn]] void run(rpc_role* role, const rpc_shape& shape, const std::string& address) {
        try {
            role(shape, address, side);
        } catch (const std::exception& why) {
            std::cerr << why.what() << '\n';
        }
        ::_exit(1);
    }

    pid_t pid_;
};

/// Lets time pass, for it is what is measured.
inline void let_run(long milliseconds) { ::poll(nullptr, 0, static_cast<int>(milliseconds)); }

/// Waits until `number` has reached `at_least`; yields 0, or what to exit with if it never does.
inline int wait_for(rpc_process& process, const auto& number, long at_least) {
    for (int i = 0; number.load(std::memory_order_acquire) < at_least; ++i) {
        const int code = process.exit_code();
        if (code >= 0) return code == 0 ? 1 : code;
        if (i == 10'000) return 1;
        let_run(1);
    }
    return 0;
}

/// All counts at one time.
struct rpc_snapshot {
    rpc_snapshot(rpc_process& server, rpc_process& client)
        : wall(wall_seconds()),
          server_cpu(server.cpu_seconds()),
          client_cpu(client.cpu_seconds()),
          units(client.side.units),
          sampled(client.side.sampled),
          system_calls(server.side.system_calls + client.side.system_calls),
          allocations(server.side.allocations + client.side.allocations) {}

    double wall;
    double server_cpu;
    double client_cpu;
    long units;
    long sampled;
    long system_calls;
    long allocations;
};

/// The given part of the latencies from `first` to `last`, in microseconds.
inline double latency(const rpc_side& client, long first, long last, double part) {
    const auto kept = static_cast<long>(client.latencies.size());
    std::vector<std::int64_t> found;
    for (long i = std::max(first, last - kept); i < last; ++i) {
        found.push_back(client.latencies[static_cast<std::size_t>(i % kept)]);
    }
    if (found.empty()) return -1;
    const auto at = static_cast<std::size_t>(part * static_cast<double>(found.size() - 1));
    std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(at), found.end());
    return static_cast<double>(found[at]) * 1e-3;
}

/// "64", "64k", "1m".
inline std::string short_size(std::size_t bytes) {
    if (bytes >= 1 << 20) return std::to_string(bytes >> 20) + "m";
    if (bytes >= 1 << 10) return std::to_string(bytes >> 10) + "k";
    return std::to_string(bytes);
}

inline std::string name_of(const rpc_shape& shape) {
    const std::string_view transport = shape.is_tls ? ".tls" : shape.is_tcp ? ".tcp" : ".unix";
    const std::string base = "rpc." + shape.mode + std::string(transport);
    const std::string size = ".size" + short_size(shape.size);
    if (shape.mode != "unary") return base + size;
    return base + ".conns" + std::to_string(shape.connections) + ".inflight" +
           std::to_string(shape.in_flight) + size;
}

inline void print(const std::string& name, const rpc_snapshot& from, const rpc_snapshot& to,
                  const rpc_side& client) {
    const auto units = static_cast<double>(to.units - from.units);
    const auto per_unit = [&](auto amount) { return static_cast<double>(amount) / units; };
    const double server = per_unit(to.server_cpu - from.server_cpu) * 1e6;
    const double both = per_unit(to.client_cpu - from.client_cpu) * 1e6 + server;
    std::cout << R"({"benchmarks": [{"name": ")" << name << R"(", "time_unit": "us")"
              << R"(, "real_time": )" << per_unit(to.wall - from.wall) * 1e6  //
              << R"(, "cpu_time": )" << both << R"(, "server_cpu": )" << server << R"(, "rate": )"
              << units / (to.wall - from.wall) << R"(, "allocations": )"
              << per_unit(to.allocations - from.allocations);
    if (to.system_calls > 0) {
        std::cout << R"(, "syscalls": )" << per_unit(to.system_calls - from.system_calls);
    }
    if (to.sampled > from.sampled) {
        std::cout << R"(, "p50": )" << latency(client, from.sampled, to.sampled, 0.5)
                  << R"(, "p99": )" << latency(client, from.sampled, to.sampled, 0.99);
    }
    std::cout << "}]}\n";
}

inline int measure(const rpc_program& program, const rpc_shape& shape,
                   const std::filesystem::path& folder, long milliseconds) {
    const std::string path = (folder / "s").string();
    rpc_process server(program.serve, false, shape,
                       shape.is_tcp ? "tcp:127.0.0.1:0" : "unix:" + path);
    if (const int code = wait_for(server, server.side.ready, 0); code != 0) return code;
    const std::string port = std::to_string(server.side.ready);
    rpc_process client(program.call, true, shape,
                       shape.is_tcp ? "tcp:127.0.0.1:" + port : "unix:" + path);
    if (const int code = wait_for(client, client.side.units, 1); code != 0) return code;
    let_run(milliseconds / 4);
    const rpc_snapshot from(server, client);
    let_run(milliseconds);
    const rpc_snapshot to(server, client);
    if (server.exit_code() >= 0 || client.exit_code() >= 0 || to.units <= from.units) {
        std::cerr << program.who << ": ended, or stood still, while it was measured\n";
        return 1;
    }
    print(name_of(shape) + "/" + program.who, from, to, client.side);
    return 0;
}

}  // namespace rpc_detail

/// Prints what a call or an item costs, as "rpc.unary.unix.conns<N>.inflight<D>.size<S>/<who>";
/// yields what main() returns. To be called while the process has one thread.
inline int run_rpc(const rpc_program& program, int argc, char** argv) {
    const auto number = [&](int i) { return argc > i ? std::strtol(argv[i], nullptr, 10) : 0; };
    const std::string_view transport = argc > 2 ? argv[2] : "";
    const std::string mode = argc > 1 ? argv[1] : "";
    if ((mode != "unary" && mode != "stream" && mode != "bulk") ||
        (transport != "unix" && transport != "tcp" && (transport != "tls" || !program.has_tls)) ||
        number(3) < 1 || number(4) < 1) {
        std::cerr << "usage: " << program.who << " unary|stream|bulk unix|tcp"
                  << (program.has_tls ? "|tls" : "") << " <connections> <in flight> <bytes>"
                  << " [milliseconds]\n";
        return 2;
    }
    const bool is_tls = transport == "tls";
    const rpc_shape shape{mode,
                          is_tls || transport == "tcp",
                          is_tls,
                          static_cast<int>(number(3)),
                          static_cast<int>(number(4)),
                          static_cast<std::size_t>(number(5))};
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    const int code = rpc_detail::measure(program, shape, folder, argc > 6 ? number(6) : 400);
    std::filesystem::remove_all(folder);
    return code;
}
