// SPDX-License-Identifier: BSL-1.0
//
// A server that is asked for more than it can do, with procedures that keep its processor busy.
//
//     rpc.overload.loss      calls a second at its peak, over those that are answered in time when
//                            three times as many come; 1: nothing is lost
//     rpc.overload.recovery  from when they stop coming until a call is as quick as before
//     rpc.neighbour.p99      a user's slowest calls but one in a hundred while another user floods
//                            the server, over the same without; two users need root
//
//     rpc_load_bench epoll|uring overload|neighbour

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>

#include "raw/raw.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

class worker {
public:
    virtual ~worker() = default;
    /// Keeps the processor busy for so many microseconds.
    virtual conduit::task<> work(std::uint32_t microseconds) = 0;
};
CONDUIT_INTERFACE(worker, "bench.worker.v1", (work, microseconds))

}  // namespace bench

namespace {

namespace rpc = conduit::rpc;
using bench::worker;
using conduit::task;
using namespace std::chrono_literals;

constexpr int connections = 16;
constexpr uid_t nobody = 65534;

double seconds(conduit::clock::duration time) {
    return std::chrono::duration<double>(time).count();
}

// --- processes ----------------------------------------------------------------------------------

void take_core(int index) {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(index, &mine);
    ::sched_setaffinity(0, sizeof mine, &mine);
}

void run_on(conduit::backend_kind kind, task<> program) {
    conduit::scheduler(conduit::scheduler_options().backend(kind)).run(std::move(program));
}

/// A process that is killed when its owner goes.
class process {
public:
    explicit process(const std::function<void()>& body) : pid_(::fork()) {
        if (pid_ != 0) return;
        try {
            body();
        } catch (const std::exception& why) {
            std::cerr << why.what() << '\n';
        }
        ::_exit(1);
    }
    process(const process&) = delete;
    ~process() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

private:
    pid_t pid_;
};

class busy_worker final : public worker {
public:
    task<> work(std::uint32_t microseconds) override {
        const auto until = conduit::clock::now() + std::chrono::microseconds(microseconds);
        while (conduit::clock::now() < until) continue;
        co_return;
    }
};

task<> serve(std::string where) {
    busy_worker object;
    const auto limits =
        rpc::server_options().socket_mode(0666).clients(conduit::allowed_users().allow_uid(nobody));
    rpc::server server(limits);
    server.offer<worker>(object);
    co_await server.listen(std::move(where));
    co_await server.run();
}

/// Once it is there.
task<rpc::client<worker>> reach(std::string where) {
    for (int i = 0; i < 1000; ++i) {
        auto made = co_await rpc::try_call(rpc::connect<worker>(where));
        if (made) co_return std::move(*made);
        co_await conduit::sleep_for(5ms);
    }
    co_return co_await rpc::connect<worker>(where);
}

using clients = std::vector<rpc::client<worker>>;

task<clients> reach_often(std::string where) {
    clients all;
    for (int i = 0; i < connections; ++i) {
        auto one = co_await reach(where);
        all.push_back(std::move(one));
    }
    co_return std::move(all);
}

// --- overload -----------------------------------------------------------------------------------

constexpr std::uint32_t heavy = 100;  // microseconds
constexpr auto patience = 500ms;

struct tally {
    std::uint64_t answered = 0;
    std::uint64_t others = 0;
    std::size_t waiting = 0;
};

task<> call_until(worker& there, conduit::clock::time_point until, tally& into) {
    while (conduit::clock::now() < until) {
        auto done = co_await rpc::try_call(there.work(heavy));
        done ? ++into.answered : ++into.others;
    }
}

task<> call_once(worker& there, tally& into) {
    ++into.waiting;
    auto done = co_await rpc::try_call(conduit::within(patience, there.work(heavy)));
    done ? ++into.answered : ++into.others;
    --into.waiting;
}

/// Two calls at a time on each connection: never idle, and no queue to speak of.
task<double> peak_of(clients& all) {
    constexpr auto time = 2s;
    tally total;
    conduit::task_scope scope;
    const auto until = conduit::clock::now() + time;
    for (auto& each : all) {
        scope.spawn(call_until(*each, until, total));
        scope.spawn(call_until(*each, until, total));
    }
    co_await scope.join();
    co_return static_cast<double>(total.answered) / seconds(time);
}

/// So many calls a second, whatever becomes of them; yields how many were answered in time.
task<double> goodput_of(clients& all, double rate) {
    constexpr auto time = 5s;
    tally total;
    conduit::task_scope scope;
    const auto begun = conduit::clock::now();
    std::uint64_t sent = 0;
    for (auto now = begun; now < begun + time; now = conduit::clock::now()) {
        const auto due = static_cast<std::uint64_t>(seconds(now - begun) * rate);
        for (; sent < due; ++sent) scope.spawn(call_once(*all[sent % all.size()], total));
        co_await conduit::sleep_for(1ms);
    }
    const double answered = static_cast<double>(total.answered);
    co_await scope.join();
    co_return answered / seconds(time);
}

task<double> quickness_of(worker& there) {
    const auto begun = conduit::clock::now();
    auto done = co_await rpc::try_call(there.work(heavy));
    co_return done ? seconds(conduit::clock::now() - begun) : 1e9;
}

task<double> recovery_of(worker& there, double idle) {
    const auto begun = conduit::clock::now();
    int quick = 0;
    while (quick < 10) {
        auto took = co_await quickness_of(there);
        quick = took <= 3 * idle ? quick + 1 : 0;
    }
    co_return seconds(conduit::clock::now() - begun);
}

void print(std::string_view name, std::string_view backend, double value, std::string_view unit,
           bool is_last) {
    std::cout << R"({"name": ")" << name << "/conduit_" << backend << R"(", "real_time": )" << value
              << R"(, "cpu_time": )" << value << R"(, "time_unit": ")" << unit << "\"}"
              << (is_last ? "]}\n" : ", ");
}

task<> overload(std::string where, std::string backend) {
    auto all = co_await reach_often(std::move(where));
    double idle = 0;
    for (int i = 0; i < 200; ++i) {
        auto took = co_await quickness_of(*all[0]);
        idle += took / 200;
    }
    auto peak = co_await peak_of(all);
    auto goodput = co_await goodput_of(all, 3 * peak);
    auto recovery = co_await recovery_of(*all[0], idle);
    std::cerr << "peak " << peak << "/s, three times that: " << goodput << "/s in time\n";
    std::cout << R"({"benchmarks": [)";
    print("rpc.overload.loss", backend, peak / std::max(goodput, 1.0), "x", false);
    print("rpc.overload.recovery", backend, recovery, "s", true);
}

// --- a neighbour --------------------------------------------------------------------------------

constexpr std::uint32_t light = 20;  // microseconds

task<> ask_for_ever(worker& there) {
    for (;;) {
        auto done = co_await rpc::try_call(there.work(light));
        if (!done && !done.error().retry_after()) co_return;
    }
}

task<> flood(std::string where) {
    auto all = co_await reach_often(std::move(where));
    conduit::task_scope scope;
    for (auto& each : all) {
        for (int i = 0; i < 100; ++i) scope.spawn(ask_for_ever(*each));
    }
    co_await scope.join();
}

task<double> p99_of(worker& there) {
    std::vector<double> times;
    for (int i = 0; i < 3000; ++i) {
        const auto begun = conduit::clock::now();
        co_await there.work(light);
        times.push_back(seconds(conduit::clock::now() - begun));
    }
    std::ranges::sort(times);
    co_return times[times.size() * 99 / 100];
}

/// `begin` is where the other user waits for a byte.
task<> neighbour(std::string where, int begin, std::string backend) {
    auto there = co_await reach(std::move(where));
    auto idle = co_await p99_of(*there);
    if (::write(begin, "b", 1) != 1) fail("write");
    co_await conduit::sleep_for(500ms);
    auto flooded = co_await p99_of(*there);
    std::cerr << "p99: " << idle * 1e6 << " us, and while another floods " << flooded * 1e6
              << " us\n";
    std::cout << R"({"benchmarks": [)";
    print("rpc.neighbour.p99", backend, flooded / idle, "x", true);
}

int run_bench(std::string_view backend, std::string_view mode, const std::string& folder) {
    const auto kind =
        backend == "uring" ? conduit::backend_kind::uring : conduit::backend_kind::epoll;
    const std::string where = "unix:" + folder + "/s";
    const process server([&] {
        take_core(0);
        run_on(kind, serve(where));
    });
    if (mode == "overload") {
        run_on(kind, overload(where, std::string(backend)));
        return 0;
    }
    int begin[2];
    if (::pipe(begin) != 0) fail("pipe");
    const process other([&] {
        char word = 0;
        if (::read(begin[0], &word, 1) != 1) return;
        if (::setresuid(nobody, nobody, nobody) != 0) fail("setresuid");
        run_on(kind, flood(where));
    });
    run_on(kind, neighbour(where, begin[1], std::string(backend)));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    const std::string_view mode = argc > 2 ? argv[2] : "";
    if ((backend != "epoll" && backend != "uring") || (mode != "overload" && mode != "neighbour")) {
        std::cerr << "usage: " << argv[0] << " epoll|uring overload|neighbour\n";
        return 2;
    }
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    ::chmod(folder, 0755);
    int code = 1;
    try {
        code = run_bench(backend, mode, folder);
    } catch (const std::exception& why) {
        std::cerr << argv[0] << ": " << why.what() << '\n';
    }
    std::filesystem::remove_all(folder);
    return code;
}
