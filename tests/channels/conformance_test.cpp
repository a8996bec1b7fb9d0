// SPDX-License-Identifier: BSL-1.0
//
// What every byte stream promises, tried on each kind in tests/support/stream_subjects.cpp.

#include "../support/co_test.hpp"
#include "../support/sanitized.hpp"
#include "../support/settle.hpp"
#include "../support/stream_subjects.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

using namespace conduit;
using test::stream_pair;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A byte that says where in the stream it stands; the period is prime.
std::byte byte_at(std::size_t position) { return static_cast<std::byte>(position % 251); }

task<result<std::size_t>> read_once(any_stream& from, std::span<std::byte> buffer) {
    co_return co_await from.read_some(buffer);
}

task<result<void>> write_text(any_stream& to, std::string text) {
    const std::string owned = std::move(text);
    co_return co_await write_all(to, bytes_of(owned));
}

/// A stream that has last words of its own waits here until there is room for them.
task<result<void>> end_writing(any_stream& of) { co_return co_await of.close_writing(); }

task<> the_end_follows_what_was_written(stream_pair& ends, task_scope& scope) {
    auto writing = scope.spawn(write_text(ends.first, "the last words"));
    std::array<std::byte, 14> buffer{};
    auto got = co_await read_exact(ends.second, std::span<std::byte>(buffer));
    auto written = co_await writing;
    auto closing = scope.spawn(end_writing(ends.first));
    auto end = co_await read_once(ends.second, buffer);
    auto still = co_await read_once(ends.second, buffer);
    auto closed = co_await closing;
    auto late = co_await ends.first.write_some(bytes_of("more"));
    REQUIRE(written);
    REQUIRE(got);
    REQUIRE(text_of(buffer) == "the last words");
    REQUIRE(closed);
    REQUIRE(end.value() == 0);
    REQUIRE(still.value() == 0);
    REQUIRE(late.error());
}

task<> the_other_direction_goes_on(stream_pair& ends, task_scope& scope) {
    auto closing = scope.spawn(end_writing(ends.first));
    std::array<std::byte, 9> buffer{};
    auto end = co_await read_once(ends.second, buffer);
    auto closed = co_await closing;
    auto writing = scope.spawn(write_text(ends.second, "an answer"));
    auto got = co_await read_exact(ends.first, std::span<std::byte>(buffer));
    auto written = co_await writing;
    REQUIRE(end.value() == 0);
    REQUIRE(closed);
    REQUIRE(got);
    REQUIRE(written);
    REQUIRE(text_of(buffer) == "an answer");
}

task<> a_cancelled_read_loses_nothing(stream_pair& ends, task_scope& scope) {
    std::array<std::byte, 4> buffer{};
    auto pending = scope.spawn(read_once(ends.second, buffer));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto writing = scope.spawn(write_text(ends.first, "kept"));
    auto got = co_await read_exact(ends.second, std::span<std::byte>(buffer));
    auto written = co_await writing;
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(written);
    REQUIRE(got);
    REQUIRE(text_of(buffer) == "kept");
}

/// Counts what was taken until a failure, which must be a stop.
task<std::size_t> write_until_stopped(any_stream& to) {
    std::size_t total = 0;
    std::vector<std::byte> chunk(4096);
    for (;;) {
        for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = byte_at(total + i);
        auto taken = co_await to.write_some(chunk);
        if (!taken) co_return total;
        total += *taken;
        if (total > (std::size_t{64} << 20)) co_return total;
    }
}

task<std::size_t> read_in_order(any_stream& from, std::size_t room) {
    std::vector<std::byte> buffer(room);
    std::size_t total = 0;
    for (;;) {
        auto got = co_await from.read_some(buffer);
        if (!got || *got == 0) co_return total;
        for (std::size_t i = 0; i < *got; ++i) {
            if (buffer[i] != byte_at(total + i)) co_return total + i;
        }
        total += *got;
    }
}

task<> who_does_not_read_stops_who_writes(stream_pair& ends, task_scope& scope) {
    auto writing = scope.spawn(write_until_stopped(ends.first));
    co_await test::settle();
    REQUIRE_FALSE(writing.is_done());
    writing.request_stop();
    const std::size_t written = co_await writing;
    auto closing = scope.spawn(end_writing(ends.first));
    const std::size_t read = co_await read_in_order(ends.second, 1000);
    auto closed = co_await closing;
    REQUIRE(closed);
    REQUIRE(read == written);  // a cancelled write had written nothing
}

task<> write_in_order(any_stream& to, std::size_t bytes, std::size_t chunk_bytes) {
    std::vector<std::byte> chunk(chunk_bytes);
    for (std::size_t at = 0; at < bytes; at += chunk_bytes) {
        for (std::size_t i = 0; i < chunk_bytes; ++i) chunk[i] = byte_at(at + i);
        auto written = co_await write_all(to, std::span<const std::byte>(chunk));
        written.value();
    }
    auto closed = co_await to.close_writing();
    closed.value();
}

task<> much_goes_both_ways_at_once(stream_pair& ends, task_scope& scope) {
    constexpr std::size_t much = std::size_t{300} * (test::is_sanitized ? 100 : 500);
    auto there = scope.spawn(write_in_order(ends.first, much, 500));
    auto back = scope.spawn(write_in_order(ends.second, much, 300));
    auto arrived = scope.spawn(read_in_order(ends.second, 700));
    const std::size_t came_back = co_await read_in_order(ends.first, 60);
    const std::size_t came_there = co_await arrived;
    co_await there;
    co_await back;
    REQUIRE(came_there == much);
    REQUIRE(came_back == much);
}

task<> nobody_reads_any_more(stream_pair& ends, task_scope& scope) {
    auto writing = scope.spawn(write_until_stopped(ends.first));
    co_await test::settle();
    REQUIRE_FALSE(writing.is_done());
    ends.second = any_stream();
    const std::size_t written = co_await writing;
    auto failed = co_await ends.first.write_some(bytes_of("to nobody"));
    const bool told =
        failed.error() == std::errc::broken_pipe || failed.error() == std::errc::connection_reset;
    INFO(failed.error().message() << " after " << written << " bytes");
    REQUIRE(told);
}

task<> closing_ends_what_waits(stream_pair& ends, task_scope& scope) {
    std::array<std::byte, 4> buffer{};
    auto pending = scope.spawn(read_once(ends.first, buffer));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    ends.first.close();
    auto ended = co_await pending;
    auto after = co_await read_once(ends.first, buffer);
    auto end = co_await read_once(ends.second, buffer);
    REQUIRE(ended.error() == errc::cancelled);
    REQUIRE(after.error() == std::errc::bad_file_descriptor);
    REQUIRE_FALSE(ends.first.is_open());
    REQUIRE(end.value() == 0);
}

task<> lent_and_read_bytes_are_in_order(stream_pair& ends, task_scope& scope) {
    auto writing = scope.spawn(write_text(ends.first, "lent, then read"));
    std::string all;
    auto lent = co_await ends.second.receive_lent();
    if (lent.error() == std::errc::not_supported) {
        all = "";
    } else {
        all = text_of(lent.value().bytes());
    }
    lent = make_error_code(errc::closed);  // gives it back
    std::array<std::byte, 15> buffer{};
    const auto rest = std::span<std::byte>(buffer).first(buffer.size() - all.size());
    auto got = co_await read_exact(ends.second, rest);
    auto written = co_await writing;
    all += text_of(rest);
    auto closing = scope.spawn(end_writing(ends.first));
    auto end = co_await ends.second.receive_lent();
    if (end.error() == std::errc::not_supported) {
        auto read_end = co_await read_once(ends.second, buffer);
        REQUIRE(read_end.value() == 0);
    }
    auto closed = co_await closing;
    REQUIRE(got);
    REQUIRE(written);
    REQUIRE(all == "lent, then read");
    REQUIRE(closed);
    const bool ended = end.error() == std::errc::not_supported || (end && end->empty());
    REQUIRE(ended);
}

}  // namespace

CO_TEST_CASE("every stream: its end follows what was written", "[channels][conformance]") {
    co_await test::for_each_stream(&the_end_follows_what_was_written, scope);
}

CO_TEST_CASE("every stream: one direction ends while the other goes on",
             "[channels][conformance]") {
    co_await test::for_each_stream(&the_other_direction_goes_on, scope);
}

CO_TEST_CASE("every stream: a cancelled read loses nothing", "[channels][conformance][cancel]") {
    co_await test::for_each_stream(&a_cancelled_read_loses_nothing, scope);
}

CO_TEST_CASE("every stream: who does not read stops who writes",
             "[channels][conformance][cancel]") {
    co_await test::for_each_stream(&who_does_not_read_stops_who_writes, scope);
}

CO_TEST_CASE("every stream: much goes both ways at once, in order", "[channels][conformance]") {
    co_await test::for_each_stream(&much_goes_both_ways_at_once, scope);
}

CO_TEST_CASE("every stream: a writer hears that nobody reads any more", "[channels][conformance]") {
    co_await test::for_each_stream(&nobody_reads_any_more, scope);
}

CO_TEST_CASE("every stream: closing ends what waits", "[channels][conformance][cancel]") {
    co_await test::for_each_stream(&closing_ends_what_waits, scope);
}

CO_TEST_CASE("every stream: lent bytes and read ones are in order", "[channels][conformance]") {
    co_await test::for_each_stream(&lent_and_read_bytes_are_in_order, scope);
}
