// SPDX-License-Identifier: BSL-1.0
//
// Memory that is short while a connection begins or ends, or a call is given up: whichever
// allocation fails, alone or with all that follow, everybody concerned learns of the end, and the
// server goes on serving others.
#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/fault_backend.hpp"
#include "../support/raw_peer.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/yield.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;

namespace {

constexpr long all_that_follow = std::numeric_limits<long>::max();
constexpr std::array<long, 3> stretches = {1, 3, all_that_follow};

/// A server, one client that is served all the time, and one to which something happens.
struct place {
    explicit place(task_scope& within) : scope(&within) {}

    unique_fd connect() const {
        auto socket = unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::strncpy(at.sun_path, path.c_str(), sizeof(at.sun_path) - 1);
        if (::connect(socket.handle(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) {
            throw std::system_error(errno, std::generic_category());
        }
        return socket;
    }
    void send(const bytes& what) const {
        const ssize_t sent = ::send(raw.handle(), what.data(), what.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(what.size())) throw std::bad_alloc();
    }

    temp_dir folder;
    std::string path = folder.path("s");
    subject_server there;
    std::optional<subject_client> other;
    bytes hello = greeting();

    unique_fd raw;
    std::optional<subject_client> here;
    std::optional<child<void>> holding;
    task_scope* scope;
};

task<> hold(subject& remote) {
    try {
        auto ended = co_await try_hold(remote);
        static_cast<void>(ended);
    } catch (const std::bad_alloc&) {  // of the failure itself
    }
}

/// Needs no memory, unlike come_round().
task<bool> lives_through(place& at, void (*happens)(place&), long nth, long in_a_row) {
    constexpr int rounds = 20;
    frame_pool::of_thread().trim();  // so that frames are allocations, too
    const failing_allocation armed(nth, in_a_row);
    happens(at);
    for (int i = 0; i < rounds * loop::budget_of_turn; ++i) co_await yield();
    co_return failing_allocation::was_reached();
}

task<> until_none_holds(place& at) {
    while (at.there.object.holding > 0) co_await come_round();
    while (at.there.server.connections_now() > 1) co_await come_round();
}

/// One way in which memory may be short.
struct scene {
    std::string_view name;
    task<> (*begins)(place&);
    void (*happens)(place&);
    task<> (*ends)(place&);
};

task<> begin_raw_call(place& at) {
    at.raw = at.connect();
    at.send(joined({greeting(), open_frame(0, 0, {.name = "test.subject.v1/hold"})}));
    while (at.there.object.holding == 0) co_await come_round();
}

void drop_raw(place& at) { at.raw = unique_fd(); }

task<> begin_call(place& at) {
    auto made = co_await connect_subject("unix:" + at.path);
    at.here.emplace(std::move(made));
    at.holding.emplace(at.scope->spawn(hold(**at.here)));
    while (at.there.object.holding == 0) co_await come_round();
}

void cancel_call(place& at) { at.holding->request_stop(); }

void close_connection(place& at) { at.here->connection().close(); }

/// The call has ended at both sides, though its caller's connection may go on.
task<> end_call(place& at) {
    while (!at.holding->is_done()) co_await come_round();
    while (at.there.object.holding > 0) co_await come_round();
    at.holding.reset();
    at.here.reset();
    co_await until_none_holds(at);
}

task<> begin_nothing(place&) { co_return; }

void connect_raw(place& at) {
    at.raw = at.connect();
    at.send(at.hello);
}

task<> end_accepted(place& at) {
    auto later = co_await connect_subject("unix:" + at.path);
    const std::int64_t sum = co_await later->add(1, 2);
    REQUIRE(sum == 3);
    drop_raw(at);
    co_await later.close();
    co_await until_none_holds(at);
}

constexpr std::array<scene, 4> scenes = {{
    {"a client goes", begin_raw_call, drop_raw, until_none_holds},
    {"a call is cancelled", begin_call, cancel_call, end_call},
    {"a connection is closed with a call under way", begin_call, close_connection, end_call},
    {"a client comes", begin_nothing, connect_raw, end_accepted},
}};

task<> live_through(const scene& what, long in_a_row) {
    task_scope scope;
    place at(scope);
    co_await at.there.server.listen("unix:" + at.path);
    auto running = scope.spawn(at.there.server.run());
    auto made = co_await connect_subject("unix:" + at.path);
    at.other.emplace(std::move(made));
    co_await (*at.other)->touch();  // by then all of the server has begun
    long nth = 0;
    bool reached = true;
    while (reached && nth < 1000) {
        ++nth;
        co_await what.begins(at);
        reached = co_await lives_through(at, what.happens, nth, in_a_row);
        co_await what.ends(at);
        const std::int64_t sum = co_await (*at.other)->add(nth, 1);
        CAPTURE(nth);
        CHECK(sum == nth + 1);
        CHECK_FALSE(running.is_done());
    }
    CHECK_FALSE(reached);
    CHECK(nth > 1);
    const rpc::server_counters counted = at.there.server.counters();
    CHECK(counted.accepted == counted.refused + counted.ended + 1);
    at.other.reset();
    at.there.server.stop();
    co_await scope.join();
}

}  // namespace

TEST_CASE("S8: memory that is short as a connection or a call comes and goes ends nothing else",
          "[rpc][server][fault][S8]") {
    if (!failing_allocation::is_possible()) return skip("operator new cannot be replaced here");
    for (const backend_kind kind : kernel_backends()) {
        for (const scene& each : scenes) {
            for (const long in_a_row : stretches) {
                CAPTURE(each.name, in_a_row);
                scheduler sched(
                    scheduler_options().backend(kind).log([](log_level, std::string_view) {}));
                sched.run(live_through(each, in_a_row));
                REQUIRE(sched.counters().tasks_live.value() == 0);
            }
        }
        ran();
    }
}
