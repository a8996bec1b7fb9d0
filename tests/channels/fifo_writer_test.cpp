// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo_writer.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/within.hpp>

#include <array>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::open_pair;
using test::settle;

TEST_CASE("a FIFO's writer is a one-way sink", "[channels][fifo]") {
    STATIC_REQUIRE(byte_sink<fifo_writer>);
    STATIC_REQUIRE_FALSE(byte_source<fifo_writer>);
    STATIC_REQUIRE(channel<fifo_writer>);
}

CO_TEST_CASE("opening to write waits for a reader", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_writer::open(path));
    co_await settle();
    const bool too_early = opening.is_done();
    auto in = co_await fifo_reader::open(path, fifo_options().stay_open());
    auto out = co_await opening;
    REQUIRE_FALSE(too_early);
    REQUIRE(in);
    REQUIRE(out);
}

CO_TEST_CASE("a writer that waits for a reader can be stopped", "[channels][fifo][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_writer::open(path));
    co_await settle();
    const bool too_early = opening.is_done();
    opening.request_stop();
    auto stopped = co_await opening;
    auto late = co_await within(5ms, fifo_writer::open(path));
    REQUIRE_FALSE(too_early);
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(late.error() == errc::timed_out);
}

CO_TEST_CASE("a writer whose reader has left is told, and goes on with the next",
             "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    ends.in.close();
    auto told = co_await ends.out.write_some(bytes_of("x"));
    auto both = co_await when_all(ends.out.reopen(), fifo_reader::open(path));
    auto sent = co_await ends.out.write_some(bytes_of("y"));
    REQUIRE(told.error() == std::errc::broken_pipe);
    REQUIRE(std::get<0>(both));
    REQUIRE(std::get<1>(both));
    REQUIRE(sent.value() == 1);
}

CO_TEST_CASE("a writer waits while the FIFO is full", "[channels][fifo]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    const std::size_t filled = co_await test::fill(ends.out.handle());
    auto pending = scope.spawn(as_task(ends.out.write_some(bytes_of("more"))));
    co_await settle();
    const bool too_early = pending.is_done();
    const std::size_t drained = co_await test::drain(ends.in.handle());
    auto sent = co_await pending;
    REQUIRE_FALSE(too_early);
    REQUIRE(drained >= filled);
    REQUIRE(sent.value() == 4);
}

CO_TEST_CASE("a detached writer is adopted again", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    auto wrong = fifo_writer::adopt(std::move(*ends.in.detach()), path);
    auto out = fifo_writer::adopt(std::move(*ends.out.detach()), path);
    const fifo_path same = out->look_at_path().value();
    auto told = co_await out->write_some(bytes_of("x"));
    REQUIRE(wrong.error() == std::errc::invalid_argument);
    REQUIRE(same == fifo_path::same);
    REQUIRE(told.error() == std::errc::broken_pipe);
}
