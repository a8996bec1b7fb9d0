// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/duplex_fifo.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/within.hpp>

#include <array>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::settle;
using test::text_of;

TEST_CASE("a pair of FIFOs is a two-way stream", "[channels][duplex_fifo]") {
    STATIC_REQUIRE(byte_stream<duplex_fifo>);
    STATIC_REQUIRE(channel<duplex_fifo>);
    STATIC_REQUIRE(duplex_fifo::traits.ways == channel_ways::two_way);
    STATIC_REQUIRE(duplex_fifo::traits.duplex == channel_duplex::full);
}

CO_TEST_CASE("a pair of FIFOs carries bytes both ways and ends each way by itself",
             "[channels][duplex_fifo]") {
    const fifo_place place;
    const std::string path = place.path("pair");
    auto creating = scope.spawn(duplex_fifo::create(path));
    co_await settle();
    const bool too_early = creating.is_done();
    auto there = co_await duplex_fifo::open(path);
    auto here = co_await creating;
    auto asked = co_await write_all(*there, bytes_of("question"));
    auto no_more = co_await there->close_writing();
    std::array<std::byte, 8> question{};
    auto heard = co_await read_exact(*here, std::span<std::byte>(question));
    auto end = co_await here->read_some(question);
    auto answered = co_await write_all(*here, bytes_of("answer"));
    std::array<std::byte, 6> answer{};
    auto got = co_await read_exact(*there, std::span<std::byte>(answer));
    here->close();
    auto last = co_await there->read_some(answer);
    REQUIRE_FALSE(too_early);
    REQUIRE(asked);
    REQUIRE(no_more);
    REQUIRE(heard);
    REQUIRE(end.value() == 0);
    REQUIRE(answered);
    REQUIRE(got);
    REQUIRE(text_of(answer) == "answer");
    REQUIRE(last.value() == 0);
}

CO_TEST_CASE("either side of a pair of FIFOs may come first", "[channels][duplex_fifo]") {
    const fifo_place place;
    const std::string path = place.path("pair");
    std::string why;
    auto nothing_there = co_await duplex_fifo::open(path, fifo_options(), &why);
    const auto patient = fifo_options().when_missing(fifo_missing::is_awaited);
    auto opening = scope.spawn(duplex_fifo::open(path, patient));
    co_await settle();
    const bool too_early = opening.is_done();
    auto here = co_await duplex_fifo::create(path);
    auto there = co_await opening;
    REQUIRE(nothing_there.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why.find("pair.out") != std::string::npos);
    REQUIRE_FALSE(too_early);
    REQUIRE(here);
    REQUIRE(there);
}

CO_TEST_CASE("a pair of FIFOs that nobody joins ends by a deadline", "[channels][duplex_fifo]") {
    const fifo_place place;
    const std::string path = place.path("pair");
    auto late = co_await within(5ms, duplex_fifo::create(path));
    auto removed = duplex_fifo::remove(path);
    auto again = duplex_fifo::remove(path);
    const auto gone = compare_path(path + ".in", fifo_identity());
    REQUIRE(late.error() == errc::timed_out);
    REQUIRE(removed);
    REQUIRE(again);
    REQUIRE(gone.value() == fifo_path::missing);
}
