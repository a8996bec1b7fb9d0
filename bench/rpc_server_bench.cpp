// SPDX-License-Identifier: BSL-1.0
//
// What becomes of a server as a whole under load: how long it takes from SIGTERM to its exit, and
// what a second worker is worth. Server and clients are processes of their own; nothing is pinned.
//
//     rpc_server_bench epoll|uring stop                   16 connections with 32 calls of 1 ms each
//     rpc_server_bench epoll|uring scaling <us>           calls that compute for so long

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/server_group.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>

#include "raw/raw.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

class worker {
public:
    virtual ~worker() = default;
    virtual conduit::task<std::uint64_t> compute(std::uint64_t microseconds, std::string text) = 0;
    virtual conduit::task<> sleep(std::uint64_t microseconds) = 0;
};
CONDUIT_INTERFACE(worker, "bench.worker.v1", compute, sleep)

}  // namespace bench

namespace {

namespace rpc = conduit::rpc;
using bench::worker;
using conduit::task;

constexpr int connections = 16;
constexpr int in_flight = 32;

/// In memory that all processes share.
struct shared_counts {
    std::atomic<long> answered{0};
};

class busy_worker final : public worker {
public:
    task<std::uint64_t> compute(std::uint64_t microseconds, std::string text) override {
        const auto until = conduit::clock::now() + std::chrono::microseconds(microseconds);
        while (microseconds > 0 && conduit::clock::now() < until) {
        }
        co_return text.size();
    }
    task<> sleep(std::uint64_t microseconds) override {
        co_await conduit::sleep_for(std::chrono::microseconds(microseconds));
    }
};

// --- the servers --------------------------------------------------------------------------------

task<int> serve_alone(std::string where) {
    busy_worker object;
    rpc::server server;
    server.offer<worker>(object);
    co_await server.listen(std::move(where));
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

task<int> serve_on(conduit::runtime& workers, std::string where) {
    rpc::server_group group(workers);
    group.offer<worker>([] { return std::make_unique<busy_worker>(); });
    co_await group.listen(std::move(where));
    const rpc::drain_outcome end = co_await group.run();
    co_return end.exit_status();
}

// --- the clients --------------------------------------------------------------------------------

/// What to call, and until when: the end of the server ends it.
struct load {
    bool sleeps;
    std::uint64_t microseconds;
    int connections;
};

task<> call_for_ever(worker& there, load what, shared_counts& counts) {
    const std::string text(64, 'a');
    for (;;) {
        if (what.sleeps) {
            const auto slept = co_await rpc::try_call(there.sleep(what.microseconds));
            if (!slept) co_return;
        } else {
            const auto size = co_await rpc::try_call(there.compute(what.microseconds, text));
            if (!size) co_return;
        }
        counts.answered.fetch_add(1, std::memory_order_relaxed);
    }
}

task<> call_all(std::string where, load what, shared_counts& counts) {
    const std::string place = std::move(where);
    std::vector<rpc::client<worker>> servers;
    conduit::task_scope scope;
    for (int i = 0; i < what.connections; ++i) {
        auto server = co_await rpc::connect<worker>(place);
        servers.push_back(std::move(server));
    }
    for (auto& each : servers) {
        for (int n = 0; n < in_flight; ++n) scope.spawn(call_for_ever(*each, what, counts));
    }
    co_await scope.join();
}

// --- the processes ------------------------------------------------------------------------------

/// Runs `body` in a process of its own, which is killed when this goes.
class child {
public:
    explicit child(const auto& body) : pid_(::fork()) {
        if (pid_ < 0) fail("fork");
        if (pid_ > 0) return;
        try {
            ::_exit(body());
        } catch (const std::exception& why) {
            std::cerr << why.what() << '\n';
        }
        ::_exit(1);
    }
    child(const child&) = delete;
    ~child() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    void terminate() const { ::kill(pid_, SIGTERM); }
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }

private:
    pid_t pid_;
};

void let_run(int milliseconds) { ::poll(nullptr, 0, milliseconds); }

void wait_for_file(const std::string& path) {
    for (int i = 0; !std::filesystem::exists(path); ++i) {
        if (i == 10'000) throw std::runtime_error("the server does not listen");
        let_run(1);
    }
}

void wait_for_answers(const shared_counts& counts, long at_least) {
    for (int i = 0; counts.answered.load() < at_least; ++i) {
        if (i == 10'000) throw std::runtime_error("the server does not answer");
        let_run(1);
    }
}

class measurement {
public:
    measurement(conduit::backend_kind kind, std::string path)
        : options_(
              conduit::scheduler_options().backend(kind).stall_limit(std::chrono::nanoseconds(0))),
          path_(std::move(path)),
          where_("unix:" + path_) {
        void* memory = ::mmap(nullptr, sizeof(shared_counts), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) fail("mmap");
        counts_ = new (memory) shared_counts;
    }

    /// Milliseconds from the signal to the end.
    double time_to_stop() {
        counts_->answered = 0;
        child server([this] {
            conduit::scheduler sched(options_);
            return sched.run(conduit::stopped_by_signals(serve_alone(where_)));
        });
        wait_for_file(path_);
        const child clients([this] { return call(load{true, 1000, connections}); });
        wait_for_answers(*counts_, 10L * connections * in_flight);
        const double begun = wall_seconds();
        server.terminate();
        if (server.wait() != 0) throw std::runtime_error("calls were cut off");
        return (wall_seconds() - begun) * 1e3;
    }

    /// Answers in a second. The clients are two processes, whatever the server is.
    double rate(std::size_t workers, std::uint64_t microseconds) {
        counts_->answered = 0;
        child server([this, workers] {
            conduit::runtime all(workers, options_);
            return all.run_until_signal(serve_on(all, where_));
        });
        wait_for_file(path_);
        const load half{false, microseconds, connections / 2};
        const child first([&] { return call(half); });
        const child second([&] { return call(half); });
        wait_for_answers(*counts_, 2L * connections * in_flight);
        let_run(100);
        const double begun = wall_seconds();
        const long before = counts_->answered;
        let_run(500);
        const long answered = counts_->answered - before;
        const double took = wall_seconds() - begun;
        server.terminate();
        server.wait();
        return static_cast<double>(answered) / took;
    }

private:
    int call(load what) {
        conduit::scheduler sched(options_);
        sched.run(call_all(where_, what, *counts_));
        return 0;
    }

    conduit::scheduler_options options_;
    std::string path_;
    std::string where_;
    shared_counts* counts_;
};

void print(std::string_view name, std::string_view backend, double value, std::string_view unit,
           double rate) {
    std::cout << R"({"benchmarks": [{"name": ")" << name << "/conduit_" << backend
              << R"(", "real_time": )" << value << R"(, "cpu_time": )" << value
              << R"(, "time_unit": ")" << unit << '"';
    if (rate > 0) std::cout << R"(, "rate": )" << rate;
    std::cout << "}]}\n";
}

int measure(std::string_view backend, std::string_view mode, std::uint64_t microseconds,
            const std::string& folder) {
    const auto kind =
        backend == "uring" ? conduit::backend_kind::uring : conduit::backend_kind::epoll;
    measurement here(kind, folder + "/s");
    if (mode == "stop") {
        constexpr int stops = 10;
        double sum = 0;
        for (int i = 0; i < stops; ++i) sum += here.time_to_stop();
        print("rpc.stop.under_load", backend, sum / stops, "ms", 0);
    } else {
        const double one = here.rate(1, microseconds);
        const double two = here.rate(2, microseconds);
        print("rpc.workers.scaling.us" + std::to_string(microseconds), backend, one / two, "x",
              two);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    const std::string_view mode = argc > 2 ? argv[2] : "";
    if ((backend != "epoll" && backend != "uring") || (mode != "stop" && mode != "scaling")) {
        std::cerr << "usage: rpc_server_bench epoll|uring stop|scaling [microseconds]\n";
        return 2;
    }
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    const int code = measure(backend, mode, argc > 3 ? std::stoul(argv[3]) : 0, folder);
    std::filesystem::remove_all(folder);
    return code;
} catch (const std::exception& why) {
    std::cerr << "rpc_server_bench: " << why.what() << '\n';
    return 1;
}
