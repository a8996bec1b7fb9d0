// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/memory_stream.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>

#include <array>
#include <memory>
#include <string>

using namespace conduit;

TEST_CASE("a memory stream goes both ways inside one process", "[channels][memory_stream]") {
    STATIC_REQUIRE(byte_stream<memory_stream>);
    STATIC_REQUIRE(lending_source<memory_stream>);
    STATIC_REQUIRE(memory_stream::traits.ways == channel_ways::two_way);
    STATIC_REQUIRE(memory_stream::traits.duplex == channel_duplex::full);
    STATIC_REQUIRE(memory_stream::traits.relation == channel_relation::same_process);
}

CO_TEST_CASE("a memory stream takes what it has room for", "[channels][memory_stream]") {
    auto [ours, theirs] = make_memory_stream_pair(4);
    std::array<std::byte, 3> buffer{};
    auto four = co_await ours.write_some(bytes_of("abcdef"));
    auto pending = scope.spawn(as_task(ours.write_some(bytes_of("xyz"))));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    auto three = co_await theirs.read_some(buffer);
    auto written = co_await pending;
    REQUIRE(four.value() == 4);
    REQUIRE(three.value() == 3);
    REQUIRE(written.value() == 3);
}

CO_TEST_CASE("bytes go round the ring in order", "[channels][memory_stream]") {
    auto [ours, theirs] = make_memory_stream_pair(3);
    std::string all;
    for (int i = 0; i < 10; ++i) {
        std::array<std::byte, 2> buffer{};
        const std::string two{static_cast<char>('a' + 2 * i), static_cast<char>('b' + 2 * i)};
        auto written = co_await write_all(ours, bytes_of(two));
        auto got = co_await read_exact(theirs, std::span<std::byte>(buffer));
        REQUIRE(written);
        REQUIRE(got);
        all.append(reinterpret_cast<const char*>(buffer.data()), 2);
    }
    REQUIRE(all == "abcdefghijklmnopqrst");
}

CO_TEST_CASE("a lent buffer of a memory stream is a copy", "[channels][memory_stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    auto waiting = scope.spawn(as_task(theirs.receive_lent()));
    co_await test::settle();
    REQUIRE_FALSE(waiting.is_done());
    auto written = co_await ours.write_some(bytes_of("hello"));
    auto lent = co_await waiting;
    auto more = co_await ours.write_some(bytes_of("again"));
    REQUIRE(written);
    REQUIRE(more);
    REQUIRE(lent->bytes().size() == 5);
    REQUIRE(lent->bytes()[0] == std::byte{'h'});
    REQUIRE(lent->ancillary() == nullptr);
}

CO_TEST_CASE("a closed memory stream says so on each side", "[channels][memory_stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    std::array<std::byte, 4> buffer{};
    auto written = co_await ours.write_some(bytes_of("last"));
    ours.close();
    auto mine = co_await ours.write_some(bytes_of("x"));
    auto closing = co_await ours.close_writing();
    auto to_nobody = co_await theirs.write_some(bytes_of("x"));
    auto last = co_await theirs.read_some(buffer);
    auto end = co_await theirs.read_some(buffer);
    REQUIRE(written);
    REQUIRE(mine.error() == std::errc::bad_file_descriptor);
    REQUIRE(closing.error() == std::errc::bad_file_descriptor);
    REQUIRE(to_nobody.error() == std::errc::broken_pipe);
    REQUIRE(last.value() == 4);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("an end of a memory stream is closed although a stop was requested",
             "[channels][memory_stream][cancel]") {
    auto [ours, theirs] = make_memory_stream_pair();
    auto closing = scope.spawn(as_task(ours.close_writing()));
    closing.request_stop();
    auto closed = co_await closing;
    std::array<std::byte, 4> buffer{};
    auto end = co_await theirs.read_some(buffer);
    REQUIRE(closed);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a task that waits on a memory stream may be destroyed", "[channels][memory_stream]") {
    auto [ours, theirs] = make_memory_stream_pair(1);
    std::array<std::byte, 4> buffer{};
    {
        task_group waiting;
        waiting.spawn(as_task(theirs.read_some(buffer)));
        co_await test::settle();
    }
    auto written = co_await ours.write_some(bytes_of("x"));
    auto got = co_await theirs.read_some(buffer);
    REQUIRE(written.value() == 1);
    REQUIRE(got.value() == 1);
}

CO_TEST_CASE("an operation of an end that was closed before it starts fails",
             "[channels][memory_stream]") {
    std::array<std::byte, 4> buffer{};
    auto ends = std::make_unique<memory_stream_ends>(make_memory_stream_pair(4));
    auto there = co_await ends->second.write_some(bytes_of("y"));
    auto read = ends->first.read_some(buffer);
    auto write = ends->first.write_some(bytes_of("x"));
    auto lent = ends->first.receive_lent();
    auto closing = ends->first.close_writing();
    ends.reset();
    auto got = co_await std::move(read);
    auto sent = co_await std::move(write);
    auto arrived = co_await std::move(lent);
    auto closed = co_await std::move(closing);
    REQUIRE(there);
    REQUIRE(got.error() == std::errc::bad_file_descriptor);
    REQUIRE(sent.error() == std::errc::broken_pipe);
    REQUIRE(arrived.error() == std::errc::bad_file_descriptor);
    REQUIRE(closed);
}
