// SPDX-License-Identifier: BSL-1.0
//
// A server process that is asked to end while its clients are calling.
#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/sanitized.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace conduit {
namespace {

using namespace std::chrono_literals;

/// Keeps what it was told, on disk before it says so.
class ledger {
public:
    virtual ~ledger() = default;
    virtual task<std::uint64_t> enter(std::uint64_t number) = 0;
    virtual task<> hold() = 0;
};
CONDUIT_INTERFACE(ledger, "test.ledger.v1", (enter, number), hold)

class ledger_on_disk final : public ledger {
public:
    explicit ledger_on_disk(const std::string& path)
        : file_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {}
    ledger_on_disk(const ledger_on_disk&) = delete;
    ~ledger_on_disk() override { ::close(file_); }

    task<std::uint64_t> enter(std::uint64_t number) override {
        const std::string line = std::to_string(number) + "\n";
        const auto written = ::write(file_, line.data(), line.size());
        if (written != static_cast<ssize_t>(line.size())) {
            throw rpc::fault(rpc::status::data_loss, "the disk is full");
        }
        co_await sleep_for(200us);  // calls are under way at any time
        co_return number;
    }
    task<> hold() override {
        event never;
        co_await never.wait();
    }

private:
    int file_;
};

constexpr int socket_there = 3;

task<int> serve_until_asked(std::string path, std::chrono::milliseconds grace) {
    ledger_on_disk object(path);
    rpc::server server(rpc::server_options().drain_within(grace));
    server.offer<ledger>(object);
    server.listen(unix_listener::adopt(unique_fd(socket_there)).value());
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

backend_kind kind_of(const std::string& name) {
    return name == "uring" ? backend_kind::uring : backend_kind::epoll;
}

const test::helper keeper("keeps a ledger", [](const test::helper_arguments& given) {
    scheduler sched(scheduler_options().backend(kind_of(given.at(0))));
    const std::chrono::milliseconds grace(std::stoi(given.at(2)));
    return sched.run(stopped_by_signals(serve_until_asked(given.at(1), grace)));
});

/// A process that serves a ledger at a socket which is there already.
struct ledger_process {
    ledger_process(const test::temp_dir& folder, std::chrono::milliseconds grace)
        : file(folder.path("ledger")),
          where("unix:" + folder.path("s")),
          process(start(folder, file, grace)) {}

    static test::child_process start(const test::temp_dir& folder, const std::string& file,
                                     std::chrono::milliseconds grace) {
        std::ofstream(file, std::ios::trunc).flush();
        auto listener = unix_listener::listen(folder.path("s")).value();
        const unique_fd socket = listener.detach().value();
        const std::string backend(scheduler::current().backend_name());
        return test::child_process::helper("keeps a ledger",
                                           {backend, file, std::to_string(grace.count())},
                                           {{socket.native().value(), socket_there}});
    }

    std::string file;
    std::string where;
    test::child_process process;
};

/// What became of the calls of all clients.
struct answers {
    std::set<std::uint64_t> acknowledged;
    std::set<std::uint64_t> not_begun;
    std::uint64_t next = 0;
    std::uint64_t ended = 0;
    std::uint64_t wrong = 0;  // that said something else than such an end may
    event many;
};

constexpr std::size_t enough = 40;

/// Calls until the server does not answer any more.
task<> enter_until_the_end(ledger& there, answers& all) {
    for (;;) {
        const std::uint64_t number = all.next++;
        auto entered = co_await rpc::try_call(there.enter(number));
        ++all.ended;
        if (!entered) {
            if (entered.error().code() != rpc::status::unavailable) ++all.wrong;
            if (!entered.error().may_have_run()) all.not_begun.insert(number);
            co_return;
        }
        if (*entered != number || !all.acknowledged.insert(number).second) ++all.wrong;
        if (all.acknowledged.size() == enough) all.many.set();
    }
}

std::vector<std::uint64_t> read_ledger(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t number = 0; in >> number;) numbers.push_back(number);
    return numbers;
}

task<> stop_under_load(const test::temp_dir& folder) {
    constexpr int clients = 4;
    constexpr int in_flight = 8;
    ledger_process there(folder, 1h);  // no call is cut
    answers all;
    std::vector<rpc::client<ledger>> connected;
    for (int i = 0; i < clients; ++i) {
        auto client = co_await rpc::connect<ledger>(there.where);
        connected.push_back(std::move(client));
    }
    task_scope scope;
    for (auto& client : connected) {
        for (int i = 0; i < in_flight; ++i) scope.spawn(enter_until_the_end(*client, all));
    }
    co_await all.many.wait();
    there.process.signal(SIGTERM);
    co_await scope.join();
    connected.clear();
    const exit_status end = there.process.wait();
    const std::vector<std::uint64_t> entered = read_ledger(there.file);
    const std::set<std::uint64_t> once(entered.begin(), entered.end());
    CHECK(once.size() == entered.size());
    std::size_t lost = 0;
    for (const std::uint64_t each : all.acknowledged) lost += 1 - once.count(each);
    std::size_t denied = 0;
    for (const std::uint64_t each : all.not_begun) denied += once.count(each);
    CHECK(lost == 0);
    CHECK(denied == 0);
    CHECK(all.wrong == 0);
    CHECK(all.ended == all.next);
    CHECK(all.ended == all.acknowledged.size() + clients * in_flight);
    CHECK(end.signal == 0);
    CHECK(end.code == 0);
}

task<result<void, rpc::fault>> try_hold(ledger& there) {
    auto held = co_await rpc::try_call(there.hold());
    co_return held;
}

/// Throws once the server takes no more calls.
task<> until_refused(ledger& there) {
    for (;;) co_await there.enter(2);
}

task<> stop_under_load_often() {
    constexpr int rounds = test::is_sanitized ? 20 : 100;
    for (int round = 0; round < rounds; ++round) {
        const test::temp_dir folder;
        co_await stop_under_load(folder);
    }
}

}  // namespace
}  // namespace conduit

using namespace conduit;

TEST_CASE("S9: SIGTERM under load loses no acknowledged call, a hundred times on each kernel",
          "[rpc][server][fault][S9]") {
    test::run_on_each_kernel(stop_under_load_often);
}

CO_TEST_CASE("S9: a server whose calls outlast the time to drain ends with status 75",
             "[rpc][server][fault][S9]") {
    test::needs_processes();
    const test::temp_dir folder;
    ledger_process there(folder, 1ms);
    auto here = co_await rpc::connect<ledger>(there.where);
    auto held = scope.spawn(try_hold(*here));
    co_await here->enter(1);  // behind it: it has begun
    there.process.signal(SIGTERM);
    auto why = co_await held;
    const exit_status end = there.process.wait();
    REQUIRE(why.error().code() == rpc::status::unavailable);
    REQUIRE(why.error().may_have_run());
    REQUIRE(end.signal == 0);
    REQUIRE(end.code == rpc::drain_outcome::exit_status_when_cut);
}

CO_TEST_CASE("S9: a second SIGTERM ends a server that drains at once", "[rpc][server][fault][S9]") {
    test::needs_processes();
    const test::temp_dir folder;
    ledger_process there(folder, 1h);
    auto here = co_await rpc::connect<ledger>(there.where);
    auto held = scope.spawn(try_hold(*here));
    co_await here->enter(1);
    there.process.signal(SIGTERM);
    auto late = co_await rpc::try_call(until_refused(*here));
    const bool early = there.process.has_ended();
    there.process.signal(SIGTERM);
    auto why = co_await held;
    const exit_status end = there.process.wait();
    REQUIRE_FALSE(late);
    REQUIRE_FALSE(early);
    REQUIRE(why.error().code() == rpc::status::unavailable);
    REQUIRE(end.signal == SIGTERM);
}
