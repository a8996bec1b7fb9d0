// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo_reader.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/within.hpp>

#include <array>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::open_pair;
using test::settle;
using test::text_of;

namespace {

/// A reader that has seen the end of a first stream, and what made it end.
task<fifo_reader> reader_at_end(std::string path) {
    auto ends = co_await open_pair(std::move(path));
    std::array<std::byte, 16> buffer{};
    ends.out.close();
    auto end = co_await ends.in.read_some(buffer);
    REQUIRE(end.value() == 0);
    co_return std::move(ends.in);
}

}  // namespace

TEST_CASE("a FIFO's reader is a one-way source for strangers", "[channels][fifo]") {
    STATIC_REQUIRE(byte_source<fifo_reader>);
    STATIC_REQUIRE_FALSE(byte_sink<fifo_reader>);
    STATIC_REQUIRE(channel<fifo_reader>);
    STATIC_REQUIRE(fifo_reader::traits.ways == channel_ways::one_way);
    STATIC_REQUIRE(fifo_reader::traits.relation == channel_relation::same_host);
}

CO_TEST_CASE("a FIFO carries bytes in order and then its end", "[channels][fifo]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    std::array<std::byte, 16> buffer{};
    auto sent = co_await write_all(ends.out, bytes_of("hello"));
    auto closed = co_await ends.out.close_writing();
    const auto five = std::span(buffer).first(5);
    auto got = co_await read_exact(ends.in, five);
    auto end = co_await ends.in.read_some(buffer);
    auto again = co_await ends.in.read_some(buffer);
    REQUIRE(sent);
    REQUIRE(closed);
    REQUIRE(got);
    REQUIRE(text_of(five) == "hello");
    REQUIRE(end.value() == 0);
    REQUIRE(again.value() == 0);
}

CO_TEST_CASE("opening to read waits for a writer, also for a silent one", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_reader::open(path));
    co_await settle();
    const bool too_early = opening.is_done();
    auto out = co_await fifo_writer::open(path);
    auto in = co_await opening;
    REQUIRE_FALSE(too_early);
    REQUIRE(out);
    REQUIRE(in);
}

CO_TEST_CASE("opening to read ends with a writer that came and left without a word",
             "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_reader::open(path));
    co_await settle();
    auto out = co_await fifo_writer::open(path);
    out->close();
    auto in = co_await opening;
    std::array<std::byte, 4> buffer{};
    auto end = co_await in->read_some(buffer);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a waiting open ends by a stop or a deadline", "[channels][fifo][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_reader::open(path));
    co_await settle();
    const bool too_early = opening.is_done();
    opening.request_stop();
    auto stopped = co_await opening;
    auto late = co_await within(5ms, fifo_reader::open(path));
    REQUIRE_FALSE(too_early);
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(late.error() == errc::timed_out);
}

CO_TEST_CASE("a waiting open is destroyed with its task", "[channels][fifo][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    {
        task_group waiting;
        waiting.spawn(fifo_reader::open(path));
        waiting.spawn(fifo_reader::open(place.path("later"),
                                        fifo_options().when_missing(fifo_missing::is_awaited)));
        co_await settle();
    }
    co_await settle();  // io_uring lets go of the descriptor within a turn or two
    auto nobody = co_await within(5ms, fifo_writer::open(path));
    REQUIRE(nobody.error() == errc::timed_out);
}

CO_TEST_CASE("a path without a FIFO fails, is awaited or is made", "[channels][fifo]") {
    const fifo_place place;
    std::string why;
    auto fails = co_await fifo_reader::open(place.path("a"), fifo_options(), &why);
    const auto patient = fifo_options().when_missing(fifo_missing::is_awaited);
    auto awaiting = scope.spawn(open_pair(place.path("b"), patient));
    co_await settle();
    const bool too_early = awaiting.is_done();
    make_fifo(place.path("b")).value();
    auto awaited = co_await awaiting;
    const auto maker = fifo_options().when_missing(fifo_missing::is_made);
    auto made = co_await open_pair(place.path("c"), maker);
    REQUIRE(fails.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why.find("/a'") != std::string::npos);
    REQUIRE_FALSE(too_early);
    REQUIRE(awaited.in.is_open());
    REQUIRE(made.in.is_open());
}

CO_TEST_CASE("a reopened reader goes on with the next writer and loses no byte",
             "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto in = co_await reader_at_end(path);
    auto out = co_await fifo_writer::open(path);  // finds the reader that is at its end
    auto sent = co_await out->write_some(bytes_of("next"));
    out->close();
    auto reopened = co_await in.reopen();
    std::array<std::byte, 16> buffer{};
    auto got = co_await read_exact(in, std::span(buffer).first(4));
    auto end = co_await in.read_some(buffer);
    REQUIRE(sent.value() == 4);
    REQUIRE(reopened);
    REQUIRE(got);
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a cancelled reopen leaves the reader at its end", "[channels][fifo][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto in = co_await reader_at_end(path);
    auto stopped = co_await within(5ms, in.reopen());
    std::array<std::byte, 16> buffer{};
    auto still = co_await in.read_some(buffer);
    auto both = co_await when_all(in.reopen(), fifo_writer::open(path));
    REQUIRE(stopped.error() == errc::timed_out);
    REQUIRE(still.value() == 0);
    REQUIRE(std::get<0>(both));
    REQUIRE(std::get<1>(both));
}

CO_TEST_CASE("a cancelled read of a FIFO loses no bytes", "[channels][fifo][cancel]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    std::array<std::byte, 16> buffer{};
    auto pending = scope.spawn(as_task(ends.in.read_some(buffer)));
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto sent = co_await ends.out.write_some(bytes_of("kept"));
    auto got = co_await read_exact(ends.in, std::span(buffer).first(4));
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(sent.value() == 4);
    REQUIRE(got);
}

CO_TEST_CASE("a detached reader is adopted again with its path", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    auto wrong = fifo_reader::adopt(std::move(*ends.out.detach()), path);
    auto in = fifo_reader::adopt(std::move(*ends.in.detach()), path);
    const fifo_path same = in->look_at_path().value();
    auto next = co_await when_all(in->reopen(), fifo_writer::open(path));
    REQUIRE(wrong.error() == std::errc::invalid_argument);
    REQUIRE(same == fifo_path::same);
    REQUIRE_FALSE(ends.in.is_open());
    REQUIRE(std::get<0>(next));
}

CO_TEST_CASE("a deadline of the whole open is not taken for a look", "[channels][fifo][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    const auto hasty = fifo_options().look_again_max(1ms);
    auto late = co_await within(20ms, fifo_reader::open(path, hasty));
    REQUIRE(late.error() == errc::timed_out);
}
