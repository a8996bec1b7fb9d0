// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tee.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>

#include <array>
#include <string>

using namespace conduit;

namespace {

task<> write_and_close(pipe_writer out, std::string text) {
    pipe_writer mine = std::move(out);
    const std::string owned = std::move(text);
    auto written = co_await write_all(mine, bytes_of(owned));
    written.value();
}

task<std::string> read_to_end(memory_stream& from) {
    auto all = co_await read_all(from, 1 << 20);
    co_return std::move(all.value());
}

template <class Source>
task<result<std::uint64_t>> tee_and_close(Source& from, memory_stream& one, memory_stream& other) {
    auto moved = co_await tee(from, one, other);
    one.close();
    other.close();
    co_return moved;
}

}  // namespace

CO_TEST_CASE("a tee writes all to both", "[channels][tee]") {
    auto [in, out] = make_pipe().value();
    auto [one, first] = make_memory_stream_pair(100);
    auto [other, second] = make_memory_stream_pair(7);
    const std::string text(100'000, 'x');
    scope.spawn(write_and_close(std::move(out), text));
    auto copying = scope.spawn(tee_and_close(in, one, other));
    auto reading = scope.spawn(read_to_end(first));
    const std::string there = co_await read_to_end(second);
    const std::string here = co_await reading;
    auto moved = co_await copying;
    REQUIRE(there == text);
    REQUIRE(here == text);
    REQUIRE(moved.value() == text.size());
}

CO_TEST_CASE("the slower sink sets the pace of a tee", "[channels][tee]") {
    auto [source, from] = make_memory_stream_pair(10);
    auto [fast, first] = make_memory_stream_pair(100);
    auto [slow, second] = make_memory_stream_pair(1);
    auto copying = scope.spawn(tee(from, fast, slow));
    auto begin = co_await write_all(source, bytes_of("abc"));
    co_await test::settle();
    auto more = co_await write_all(source, bytes_of("def"));
    co_await test::settle();
    std::array<std::byte, 10> buffer{};
    auto got = co_await first.read_some(buffer);  // not "def", which nobody has read yet
    REQUIRE_FALSE(copying.is_done());
    copying.request_stop();
    auto stopped = co_await copying;
    REQUIRE(begin);
    REQUIRE(more);
    REQUIRE(got.value() == 3);
    REQUIRE(stopped.error() == errc::cancelled);
}

CO_TEST_CASE("a tee fails as either sink does", "[channels][tee]") {
    auto [source, from] = make_memory_stream_pair(10);
    auto [one, first] = make_memory_stream_pair(100);
    auto [other, second] = make_memory_stream_pair(100);
    auto sent = co_await write_all(source, bytes_of("abc"));
    second.close();
    auto failed = co_await tee(from, one, other);
    REQUIRE(sent);
    REQUIRE(failed.error() == std::errc::broken_pipe);
}
