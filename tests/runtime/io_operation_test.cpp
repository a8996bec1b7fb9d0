// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/io_operation.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/loopback.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task_group.hpp>

#include <array>
#include <optional>
#include <string>

using namespace conduit;
using namespace conduit::test;
using Catch::Matchers::Contains;

static_assert(sizeof(count_operation) <= 88);

namespace {

scheduler_options on_epoll() { return scheduler_options().backend(backend_kind::epoll); }

task<> read_once(io_handle& in) {
    std::array<std::byte, 8> buffer{};
    auto got = co_await in.read_some(buffer);
    static_cast<void>(got);
}

task<> read_twice_at_a_time() {
    handle_pair pair = attached_pipe();
    task_scope scope;
    scope.spawn(read_once(pair.in));
    scope.spawn(read_once(pair.in));
    co_await scope.join();
}

task<> read_into_nothing() {
    handle_pair pair = attached_pipe();
    std::span<std::byte> nothing;
    auto got = co_await pair.in.read_some(nothing);
    static_cast<void>(got);
}

task<handle_pair> make_pair_here() { co_return attached_pipe(); }

/// Uses on one scheduler what was attached on another.
void use_elsewhere() {
    scheduler home(on_epoll());
    scheduler elsewhere(on_epoll());
    handle_pair pair = home.run(make_pair_here());
    elsewhere.run(read_once(pair.in));
}

}  // namespace

TEST_CASE("operations that take and operations that give have sides", "[runtime][io_operation]") {
    REQUIRE(side_of(io_code::read) == side::taking);
    REQUIRE(side_of(io_code::accept) == side::taking);
    REQUIRE(side_of(io_code::write) == side::giving);
    REQUIRE(side_of(io_code::connect) == side::giving);
}

TEST_CASE("a second read while one is pending is a bug of the caller", "[runtime][io_operation]") {
    const auto said = stderr_of_death([] { scheduler(on_epoll()).run(read_twice_at_a_time()); });
    REQUIRE_THAT(said, Contains("one operation per direction of a handle at a time"));
}

TEST_CASE("a read into nothing is a bug of the caller", "[runtime][io_operation]") {
    const auto said = stderr_of_death([] { scheduler(on_epoll()).run(read_into_nothing()); });
    REQUIRE_THAT(said, Contains("a read needs room for at least one byte"));
}

TEST_CASE("using a channel from another scheduler is a bug of the caller",
          "[runtime][io_operation]") {
    const auto said = stderr_of_death(use_elsewhere);
    REQUIRE_THAT(said, Contains("a channel is used on the scheduler it was made on"));
}

TEST_CASE("attaching on a thread without a scheduler is a bug of the caller",
          "[runtime][io_operation]") {
    const auto said = stderr_of_death([] { static_cast<void>(io_handle::attach(unique_fd(0))); });
    REQUIRE_THAT(said, Contains("this needs a running scheduler on this thread"));
}

CO_TEST_CASE("a connection that nobody takes is closed", "[runtime][io_operation]") {
    auto [socket, address] = listen_on_loopback(4);
    auto listener = io_handle::attach(std::move(socket)).value();
    auto accept_one = [](io_handle& from) -> task<> {
        auto peer = co_await from.accept();
        static_cast<void>(peer);
    };
    std::optional<task_group> group(std::in_place);
    group->spawn(accept_one(listener));
    co_await settle();
    auto client = attached_tcp_socket();
    auto connected = co_await client.connect(address);
    loop::running().backend->poll(clock::duration::zero());  // accepts, and queues the task
    group.reset();
    std::array<std::byte, 8> buffer{};
    auto end = co_await client.read_some(buffer);
    REQUIRE(connected);
    REQUIRE(end.value() == 0);
}
