// SPDX-License-Identifier: BSL-1.0
//
// Who is at the other end of a Unix socket, and what becomes of us when it stops, dies or does not
// accept, on real kernels.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rlimit.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/linux_peers.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr uid_t nobody = 65534;

/// Connects, says one byte, and takes what comes until the end.
int talk_to(const std::string& path) {
    const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.handle(), raw, sizeof address) != 0) return 1;
    if (::write(socket.handle(), "x", 1) != 1) return 2;
    std::array<char, 4096> buffer{};
    while (::read(socket.handle(), buffer.data(), buffer.size()) > 0) {
    }
    return 0;
}

const test::helper talker("connects and listens to what is said",
                          [](const test::helper_arguments& given) { return talk_to(given.at(0)); });

const test::helper heir("says a byte on what it inherited, as somebody else",
                        [](const test::helper_arguments&) {
                            if (::getuid() == 0 && ::setuid(nobody) != 0) return 1;
                            return ::write(3, "x", 1) == 1 ? 0 : 2;
                        });

constexpr gid_t groups_from = 5000;
constexpr gid_t groups_count = 100;

const test::helper member("connects as one of many groups, and listens",
                          [](const test::helper_arguments& given) {
                              std::vector<gid_t> groups(groups_count);
                              std::iota(groups.begin(), groups.end(), groups_from);
                              if (::setgroups(groups.size(), groups.data()) != 0) return 3;
                              return talk_to(given.at(0));
                          });

/// A server's end of a connection from another process, which has said one byte.
struct visited {
    test::temp_dir folder;
    std::optional<unix_listener> listener;
    std::optional<test::child_process> client;
    std::optional<unix_stream> stream;
};

task<> be_visited(visited& here) {
    const std::string path = here.folder.path() + "/s";
    here.listener.emplace(unix_listener::listen(path).value());
    here.client.emplace(
        test::child_process::helper("connects and listens to what is said", {path}));
    auto accepted = co_await here.listener->accept();
    here.stream.emplace(std::move(accepted.value()));
    auto who = co_await here.stream->peer_credentials();
    if (who.value().pid != here.client->pid()) throw std::logic_error("this is somebody else");
    std::array<std::byte, 4> buffer{};
    auto said = co_await here.stream->read_some(buffer);
    if (said.value() != 1) throw std::logic_error("the byte was not kept");
}

}  // namespace

TEST_CASE("U1: a full backlog is asked again now and then, until the deadline",
          "[channels][unix_stream][fault][U1]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path, unix_listen_options().backlog_max(1)).value();
        std::vector<unix_stream> connected;
        std::uint64_t calls = 0;
        std::error_code last;
        const conduit::counters& counted = scheduler::current().counters();
        while (!last) {
            const std::uint64_t before = counted.system_calls.value();
            auto one = co_await within(60ms, unix_stream::connect(path));
            calls = counted.system_calls.value() - before;
            last = one.error();
            if (one) connected.push_back(std::move(*one));
        }
        task_scope scope;
        auto waiting = scope.spawn(unix_stream::connect(path));
        co_await test::settle();
        const bool early = waiting.is_done();
        auto accepted = co_await listener.accept();
        auto at_last = co_await waiting;
        co_await scope.join();
        REQUIRE(last == errc::timed_out);
        REQUIRE(connected.size() == 2);  // one more than the backlog, as the kernel counts
        REQUIRE(calls < 500);            // a spin makes 100,000 in that time
        REQUIRE_FALSE(early);
        REQUIRE(accepted);
        REQUIRE(at_last);
    });
}

TEST_CASE("U4: a peer that is stopped takes a bounded number of bytes, and goes on later",
          "[channels][unix_stream][fault][U4]") {
    test::run_on_each_kernel([]() -> task<> {
        visited here;
        co_await be_visited(here);
        task_scope scope;
        auto gone = scope.spawn(here.stream->peer_gone());
        here.client->stop();
        const std::size_t taken = co_await test::fill(here.stream->handle());
        auto late = co_await within(5ms, here.stream->write_some(bytes_of("x")));
        const bool seems_gone = gone.is_done();
        here.client->resume();
        auto sent = co_await here.stream->write_some(bytes_of("x"));
        here.stream->close();
        auto ended = co_await gone;
        co_await scope.join();
        const exit_status status = here.client->wait();
        REQUIRE(taken > 0);
        REQUIRE(taken < (1U << 24U));
        REQUIRE(late.error() == errc::timed_out);
        REQUIRE_FALSE(seems_gone);
        REQUIRE(sent.value() == 1);
        REQUIRE(ended);
        REQUIRE(status.code == 0);
    });
}

TEST_CASE("U12: who sends is told from who connected", "[channels][unix_stream][fault][U12]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        auto client = co_await unix_stream::connect(path);
        auto server = co_await listener.accept();
        const int passed = client.value().handle().native().value();
        auto heir_process = test::child_process::helper(
            "says a byte on what it inherited, as somebody else", {}, {{passed, 3}});
        auto sender = co_await server.value().peer_credentials();
        auto again = co_await server->peer_credentials();
        auto connector = server->connected_by();
        auto listening = co_await client->peer_credentials();
        std::array<std::byte, 4> buffer{};
        auto kept = co_await server->read_some(buffer);
        auto each = server->credentials_with_each();
        auto own = co_await client->write_some(bytes_of("y"));
        auto message = co_await server->receive(buffer);
        const std::int32_t heir_pid = heir_process.pid();
        REQUIRE(heir_process.wait().code == 0);
        REQUIRE(sender.value().pid == heir_pid);
        REQUIRE(again.value().pid == heir_pid);
        REQUIRE(sender->uid == (::getuid() == 0 ? nobody : ::getuid()));
        REQUIRE(connector.value().pid == ::getpid());
        REQUIRE(connector->uid == ::geteuid());
        REQUIRE(listening.value().pid == ::getpid());
        REQUIRE(kept.value() == 1);
        REQUIRE(each);
        REQUIRE(own);
        REQUIRE(message.value().sender.value().pid == ::getpid());
    });
}

TEST_CASE("who closes without a word is told by no credentials", "[channels][unix_stream]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        auto client = co_await unix_stream::connect(path);
        auto server = co_await listener.accept();
        client.value().close();
        auto nobody_there = co_await server.value().peer_credentials();
        REQUIRE(nobody_there.error() == errc::end_of_stream);
    });
}

TEST_CASE("a peer that is killed is gone", "[channels][unix_stream]") {
    test::run_on_each_kernel([]() -> task<> {
        visited here;
        co_await be_visited(here);
        task_scope scope;
        auto gone = scope.spawn(here.stream->peer_gone());
        co_await test::settle();
        const bool early = gone.is_done();
        here.client->kill();
        auto ended = co_await gone;
        co_await scope.join();
        auto again = co_await here.stream->peer_gone();
        std::array<std::byte, 4> buffer{};
        auto end = co_await here.stream->read_some(buffer);
        REQUIRE_FALSE(early);
        REQUIRE(ended);
        REQUIRE(again);
        REQUIRE(end.value() == 0);
    });
}

TEST_CASE("U13: the handle on a peer never comes to mean another process",
          "[channels][unix_stream][fault][U13]") {
    test::run_on_each_kernel([]() -> task<> {
        visited here;
        co_await be_visited(here);
        auto alive = here.stream->peer_process();
        auto can_be_asked = current_kernel().signal_process(alive.value(), 0);
        here.client->kill();
        auto too_late = current_kernel().signal_process(*alive, 0);
        auto after = here.stream->peer_process();
        REQUIRE(can_be_asked);
        REQUIRE(too_late.error() == std::errc::no_such_process);
        if (!after) {
            REQUIRE(after.error() == std::errc::no_such_process);
            co_return test::skip("this kernel has no SO_PEERPIDFD");
        }
        auto still = current_kernel().signal_process(*after, 0);
        REQUIRE(still.error() == std::errc::no_such_process);
    });
}

TEST_CASE("U13: a number is taken for a process only if that one is old enough",
          "[channels][unix_stream][fault][U13]") {
    const clock::time_point before = clock::now() - 1s;
    auto child = test::child_process::shell("read nothing", {});
    auto sleeper = test::child_process::helper("connects and listens to what is said", {"/none"});
    const auto too_young = linux_peers::process_by_number(::getpid(), clock::time_point());
    const auto old_enough = linux_peers::process_by_number(::getpid(), clock::now());
    const auto reused = linux_peers::process_by_number(sleeper.pid(), before);
    const std::int32_t reaped = child.pid();
    child.kill();
    const auto ended = linux_peers::process_by_number(reaped, clock::now());
    const auto foreign = linux_peers::process_by_number(0, clock::now());
    REQUIRE(too_young.error() == std::errc::no_such_process);
    REQUIRE(old_enough);
    REQUIRE(reused.error() == std::errc::no_such_process);
    REQUIRE(ended.error() == std::errc::no_such_process);
    REQUIRE(foreign.error() == std::errc::no_such_process);
}

TEST_CASE("U17: a Unix listener without descriptors backs off, and closes meanwhile",
          "[channels][unix_listener][fault][U17]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        auto client = co_await unix_stream::connect(path);
        std::error_code ended;
        std::uint64_t calls = 0;
        {
            task_scope scope;
            std::optional<test::no_more_descriptors> limit(std::in_place);
            auto accepting = scope.spawn(listener.accept());
            const std::uint64_t before = scheduler::current().counters().system_calls.value();
            while (listener.counters().backed_off < 2) co_await sleep_for(5ms);
            calls = scheduler::current().counters().system_calls.value() - before;
            listener.close();
            auto nothing = co_await accepting;
            ended = nothing.error();
            limit.reset();
            co_await scope.join();
        }
        REQUIRE(client);
        REQUIRE(ended == errc::cancelled);
        REQUIRE(calls < 500);
    });
}

TEST_CASE("all groups are known of a process that connected, and of one it handed on to none",
          "[channels][unix_stream]") {
    if (::geteuid() != 0) return test::skip("only root may choose its groups");
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        test::child_process client =
            test::child_process::helper("connects as one of many groups, and listens", {path});
        auto accepted = co_await listener.accept();
        const auto groups = accepted.value().peer_groups();
        auto who = co_await accepted.value().peer_credentials();
        const auto still = accepted.value().peer_groups();
        // Now a socket of this process, on which another one says the first byte.
        auto connecting = co_await unix_stream::connect(path);
        auto own = co_await listener.accept();
        const auto before = own.value().peer_groups();
        const int inherited = connecting.value().handle().native().value();
        test::child_process other = test::child_process::helper(
            "says a byte on what it inherited, as somebody else", {}, {{inherited, 3}});
        auto sender = co_await own.value().peer_credentials();
        const auto after = own.value().peer_groups();
        REQUIRE(groups.size() == groups_count);
        REQUIRE(groups.front() == groups_from);
        REQUIRE(groups.back() == groups_from + groups_count - 1);
        REQUIRE(who.value().pid == client.pid());
        REQUIRE(still == groups);
        REQUIRE(sender.value().pid == other.pid());
        REQUIRE(before.size() == static_cast<std::size_t>(::getgroups(0, nullptr)));
        REQUIRE(after.empty());
        test::ran();
    });
}
