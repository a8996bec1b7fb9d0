// SPDX-License-Identifier: BSL-1.0
//
// The matchmaker as its clients see it. The daemon, clients and servers are processes of their own,
// made by this program of itself; nothing is pinned.
//
//     matchmaker_bench epoll|uring lookup     beside an empty call over the same connection
//     matchmaker_bench epoll|uring connect    to the first answer; beside connecting by address
//     matchmaker_bench epoll|uring many       lookups among 100,000 names, 64 at a time
//     matchmaker_bench epoll|uring death      from kill -9 to the watcher, 1,000 times
//     matchmaker_bench epoll|uring restart    until 1,000 clients have announced again

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include "idle.hpp"
#include "raw/raw.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

class empty {
public:
    virtual ~empty() = default;
    virtual conduit::task<> touch() = 0;
};
CONDUIT_INTERFACE(empty, "bench.empty.v1", touch)

}  // namespace bench

namespace {

namespace rpc = conduit::rpc;
using namespace std::chrono_literals;
using bench::empty;
using conduit::task;

constexpr int calls = 20'000;
constexpr int connects = 2'000;
constexpr std::uint32_t names = 100'000;
constexpr int in_flight = 64;
constexpr int deaths = 1'000;
constexpr int clients = 1'000;

class local_empty final : public empty {
public:
    task<> touch() override { co_return; }
};

// --- processes ----------------------------------------------------------------------------------

/// This program in another role. It is killed and reaped when this goes.
class process {
public:
    explicit process(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "/proc/self/exe");
        std::vector<char*> given;
        for (std::string& each : arguments) given.push_back(each.data());
        given.push_back(nullptr);
        if (::posix_spawn(&pid_, given[0], nullptr, nullptr, given.data(), environ) != 0) {
            throw std::runtime_error("cannot start a process");
        }
    }
    process(process&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
    ~process() {
        if (pid_ == 0) return;
        kill();
        reap();
    }

    void kill() const noexcept { ::kill(pid_, SIGKILL); }
    void reap() noexcept { ::waitpid(std::exchange(pid_, 0), nullptr, 0); }
    pid_t pid() const noexcept { return pid_; }

private:
    pid_t pid_ = 0;
};

struct place {
    std::string backend;
    std::string folder;

    std::string matchmaker() const { return "unix:" + folder + "/matchmaker"; }
    std::string server() const { return "unix:" + folder + "/server"; }
    process start(const std::string& role) const { return process({role, backend, folder}); }
    rpc::matchmaker_client_options client() const {
        return rpc::matchmaker_client_options().at(matchmaker());
    }
};

/// For as many clients and names as are measured here.
rpc::matchmaker_options roomy(const std::string& state) {
    constexpr std::size_t plenty = 4 * std::size_t{names};
    constexpr std::size_t connections = 4 * std::size_t{clients};
    return rpc::matchmaker_options()
        .state(state)
        .names_max(plenty, plenty)
        .instances_max(plenty, plenty)
        .bytes_max(std::size_t{1} << 30U, std::size_t{1} << 31U)
        .server(rpc::server_options()
                    .connections_max(connections)
                    .connections_per_user_max(connections));
}

task<int> run_daemon(place at, bool keeps) {
    const place here = std::move(at);
    const std::string state = keeps ? here.folder + "/state" : std::string();
    rpc::matchmaker_server daemon(roomy(state));
    local_empty object;
    daemon.server().offer<empty>(object);
    co_await daemon.start();
    co_await daemon.server().listen(here.matchmaker());
    co_await daemon.run();
    co_return 0;
}

/// Accepts whoever looks whether somebody is there, and answers calls.
task<int> run_server(place at) {
    const place here = std::move(at);
    local_empty object;
    rpc::server server(rpc::server_options().connections_max(4096).connections_per_user_max(4096));
    server.offer<empty>(object);
    co_await server.listen(here.server());
    rpc::matchmaker matchmaker(here.client());
    const auto how = rpc::announce_options().in_background();  // the daemon may not be there yet
    auto offer = co_await matchmaker.announce<empty>(here.server(), how);
    co_await server.run();
    co_return 0;
}

/// Announces itself and waits for its death.
task<int> run_victim(place at) {
    const place here = std::move(at);
    const std::string where = here.server() + "." + std::to_string(::getpid());
    local_empty object;
    rpc::server server;
    server.offer<empty>(object);
    co_await server.listen(where);
    rpc::matchmaker matchmaker(here.client());
    auto offer = co_await matchmaker.announce<empty>(where);
    co_await server.run();
    co_return 0;
}

// --- what is measured ---------------------------------------------------------------------------

void print(std::string_view work, std::string_view who, double value, std::string_view unit,
           std::string_view more = "") {
    std::cout << R"({"name": ")" << work << '/' << who << R"(", "real_time": )" << value
              << R"(, "cpu_time": )" << value << R"(, "time_unit": ")" << unit << '"' << more
              << '}';
}

double microseconds(conduit::clock::duration spent, int of) {
    return std::chrono::duration<double, std::micro>(spent).count() / of;
}

/// They alternate in blocks, so that the machine is the same for both.
task<> measure_lookup(const place& here) {
    auto daemon = here.start("daemon");
    auto server = here.start("server");
    rpc::matchmaker matchmaker(here.client());
    auto first = co_await matchmaker.find<empty>();
    auto beside = co_await rpc::connect<empty>(here.matchmaker());
    conduit::clock::duration looking{};
    conduit::clock::duration calling{};
    constexpr int block = 500;
    for (int done = 0; done < calls; done += block) {
        const auto begun = conduit::clock::now();
        for (int i = 0; i < block; ++i) {
            auto found = co_await matchmaker.lookup<empty>();
            if (found.instances.size() != 1) throw std::runtime_error("nothing was found");
        }
        const auto half = conduit::clock::now();
        for (int i = 0; i < block; ++i) co_await beside->touch();
        looking += half - begun;
        calling += conduit::clock::now() - half;
    }
    print("matchmaker.lookup", "conduit_" + here.backend, microseconds(looking, calls), "us");
    std::cout << ",\n";
    print("matchmaker.lookup", "empty_" + here.backend, microseconds(calling, calls), "us");
}

task<> measure_connect(const place& here) {
    auto daemon = here.start("daemon");
    auto server = here.start("server");
    rpc::matchmaker matchmaker(here.client());
    auto first = co_await matchmaker.find<empty>();
    conduit::clock::duration finding{};
    conduit::clock::duration knowing{};
    for (int i = 0; i < connects; ++i) {
        const auto begun = conduit::clock::now();
        {
            auto there = co_await matchmaker.connect<empty>();
            co_await there->touch();
        }
        const auto half = conduit::clock::now();
        {
            auto there = co_await rpc::connect<empty>(here.server());
            co_await there->touch();
        }
        finding += half - begun;
        knowing += conduit::clock::now() - half;
    }
    print("matchmaker.connect", "conduit_" + here.backend, microseconds(finding, connects), "us");
    std::cout << ",\n";
    print("matchmaker.connect", "direct_" + here.backend, microseconds(knowing, connects), "us");
}

long resident_bytes(pid_t of) {
    std::ifstream in("/proc/" + std::to_string(of) + "/statm");
    long all = 0;
    long resident = 0;
    in >> all >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

std::string name_of(std::uint32_t i) { return "demo.part-" + std::to_string(i) + ".service.v1"; }

task<> announce_some(rpc::matchmaker_interface& to, const place& here, std::uint32_t from,
                     std::uint32_t step) {
    for (std::uint32_t i = from; i < names; i += step) {
        rpc::instance_offer offer;
        offer.name = name_of(i);
        offer.address = here.server();
        auto made = co_await to.announce(offer);
        if (made.id.number == 0) throw std::runtime_error("not announced");
    }
}

task<> look_up_some(rpc::matchmaker& in, std::uint32_t seed, int times) {
    std::minstd_rand random(seed + 1);
    for (int i = 0; i < times; ++i) {
        rpc::instance_query query;
        query.name = name_of(static_cast<std::uint32_t>(random()) % names);
        auto found = co_await in.lookup(query);
        if (found.instances.size() != 1) throw std::runtime_error("a name is missing");
    }
}

task<> measure_many(const place& here) {
    auto daemon = here.start("daemon");
    auto server = here.start("server");
    rpc::matchmaker matchmaker(here.client());
    auto first = co_await matchmaker.find<empty>();
    auto announcer = co_await rpc::connect<rpc::matchmaker_interface>(here.matchmaker());
    const long before = resident_bytes(daemon.pid());
    {
        conduit::task_scope scope;
        for (std::uint32_t i = 0; i < 16; ++i) {
            scope.spawn(announce_some(*announcer, here, i, 16));
        }
        co_await scope.join();
    }
    const long after = resident_bytes(daemon.pid());
    constexpr int each = 4'000;
    const auto begun = conduit::clock::now();
    {
        conduit::task_scope scope;
        for (std::uint32_t i = 0; i < in_flight; ++i) {
            scope.spawn(look_up_some(matchmaker, i, each));
        }
        co_await scope.join();
    }
    const double spent = microseconds(conduit::clock::now() - begun, in_flight * each);
    const std::string rate = R"(, "rate": )" + std::to_string(1e6 / spent);
    print("matchmaker.lookup.names100k", "conduit_" + here.backend, spent, "us", rate);
    std::cout << ",\n";
    print("matchmaker.memory", "conduit_" + here.backend,
          static_cast<double>(after - before) / names, "B");
}

double percentile(std::vector<double> of, double which) {
    std::sort(of.begin(), of.end());
    const auto at = static_cast<std::size_t>(which * static_cast<double>(of.size() - 1));
    return of[at];
}

task<rpc::instance_owner> next_change(conduit::stream<rpc::watch_event>& changes,
                                      rpc::change_kind kind) {
    for (;;) {
        auto event = co_await changes.next();
        if (event->kind != rpc::watch_event_kind::change || event->change != kind) continue;
        if (kind == rpc::change_kind::gone && event->reason != rpc::gone_reason::process_ended) {
            throw std::runtime_error("gone for another reason");
        }
        co_return event->what.owner;
    }
}

task<> measure_death(const place& here) {
    auto daemon = here.start("daemon");
    rpc::matchmaker matchmaker(here.client());
    while (!matchmaker.is_connected()) co_await conduit::sleep_for(1ms);
    auto changes = matchmaker.watch({"bench.", true});
    for (int i = 0; i < 2; ++i) {
        auto event = co_await changes.next();
        if (!event) throw std::runtime_error("the watch ended");
    }
    std::vector<double> spent;
    for (int i = 0; i < deaths; ++i) {
        auto victim = here.start("victim");
        auto came = co_await next_change(changes, rpc::change_kind::announced);
        if (came.pid != victim.pid()) throw std::runtime_error("another one came");
        const auto begun = conduit::clock::now();
        victim.kill();
        auto went = co_await next_change(changes, rpc::change_kind::gone);
        spent.push_back(microseconds(conduit::clock::now() - begun, 1) / 1000);
        if (went.pid != came.pid) throw std::runtime_error("another one went");
        victim.reap();
    }
    const std::string more = R"(, "median": )" + std::to_string(percentile(spent, 0.5)) +
                             R"(, "most": )" + std::to_string(percentile(spent, 1));
    print("matchmaker.death_to_watcher", "conduit_" + here.backend, percentile(spent, 0.99), "ms",
          more);
}

/// From the new daemon's start, with what the old one kept.
task<> measure_restart(const place& here) {
    std::optional<process> daemon;
    daemon.emplace(here.start("keeper"));
    auto server = here.start("server");
    rpc::matchmaker watcher(here.client());
    auto first = co_await watcher.find<empty>();
    std::vector<std::unique_ptr<rpc::matchmaker>> all;
    std::vector<rpc::announced> offers;
    for (int i = 0; i < clients; ++i) {
        all.push_back(std::make_unique<rpc::matchmaker>(here.client()));
        rpc::instance_offer offer;
        offer.name = name_of(static_cast<std::uint32_t>(i));
        offer.address = here.server();
        while (!all.back()->is_connected()) co_await conduit::sleep_for(1ms);
        auto made = co_await all.back()->announce(offer);
        offers.push_back(std::move(made));
    }
    auto changes = watcher.watch({"demo.", true});
    std::size_t known = 0;
    for (;;) {
        auto event = co_await changes.next();
        if (event->kind == rpc::watch_event_kind::present) ++known;
        if (event->kind == rpc::watch_event_kind::complete) break;
    }
    if (known != clients) throw std::runtime_error("not all are announced");
    co_await conduit::sleep_for(1500ms);  // save_within() has passed
    daemon.reset();
    daemon.emplace(here.start("keeper"));
    const auto begun = conduit::clock::now();
    for (auto& each : offers) {
        while (each.times() < 2 || !each.is_up()) co_await conduit::sleep_for(1ms);
    }
    const double spent = microseconds(conduit::clock::now() - begun, 1) / 1e6;
    // What the watcher was told must be all there is, by the one resync that a restart is.
    int resyncs = 0;
    known = 0;
    for (;;) {
        auto event = co_await conduit::within(1s, changes.next());
        resyncs += event->kind == rpc::watch_event_kind::resync ? 1 : 0;
        if (event->kind == rpc::watch_event_kind::present) ++known;
        if (event->kind == rpc::watch_event_kind::change) {
            if (event->change == rpc::change_kind::announced) ++known;
            if (event->change == rpc::change_kind::gone) --known;
        }
        if (event->kind != rpc::watch_event_kind::resync && known == clients) break;
    }
    if (resyncs != 1) throw std::runtime_error("the watch began anew more than once");
    print("matchmaker.restart", "conduit_" + here.backend, spent, "s");
}

// --- the program --------------------------------------------------------------------------------

int run_role(std::string_view role, const place& here) {
    const auto kind =
        here.backend == "uring" ? conduit::backend_kind::uring : conduit::backend_kind::epoll;
    conduit::scheduler sched(
        conduit::scheduler_options().backend(kind).stall_limit(0ns).log([](auto, auto) {}));
    if (role == "daemon") return sched.run(run_daemon(here, false));
    if (role == "keeper") return sched.run(run_daemon(here, true));
    if (role == "server") return sched.run(run_server(here));
    if (role == "victim") return sched.run(run_victim(here));
    std::cout << R"({"benchmarks": [)";
    if (role == "lookup") sched.run(measure_lookup(here));
    if (role == "connect") sched.run(measure_connect(here));
    if (role == "many") sched.run(measure_many(here));
    if (role == "death") sched.run(measure_death(here));
    if (role == "restart") sched.run(measure_restart(here));
    std::cout << "]}\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    idle_detail::raise_limit();
    // As it makes itself: role, backend, folder.
    if (argc == 4) return run_role(argv[1], {argv[2], argv[3]});
    const std::string_view backend = argc > 1 ? argv[1] : "";
    const std::string_view mode = argc > 2 ? argv[2] : "";
    constexpr std::string_view modes = "|lookup|connect|many|death|restart|";
    const bool is_mode = modes.find("|" + std::string(mode) + "|") != modes.npos;
    if ((backend != "epoll" && backend != "uring") || !is_mode || mode.empty()) {
        std::cerr << "usage: matchmaker_bench epoll|uring lookup|connect|many|death|restart\n";
        return 2;
    }
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    if (::mkdtemp(folder) == nullptr) fail("mkdtemp");
    const int code = run_role(mode, {std::string(backend), folder});
    std::filesystem::remove_all(folder);
    return code;
} catch (const std::exception& why) {
    std::cerr << "matchmaker_bench: " << why.what() << '\n';
    return 1;
}
