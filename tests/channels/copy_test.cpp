// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/copy.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <array>
#include <string>

using namespace conduit;

namespace {

constexpr std::size_t much = 300'000;

std::string long_text() {
    std::string text;
    for (std::size_t i = 0; text.size() < much; ++i) text += std::to_string(i) + ' ';
    text.resize(much);
    return text;
}

template <class Sink>
task<> write_and_close(Sink& to, std::string text) {
    const std::string owned = std::move(text);
    auto written = co_await write_all(to, bytes_of(owned));
    written.value();
    auto closed = co_await to.close_writing();
    closed.value();
}

template <class Source, class Sink>
task<result<std::uint64_t>> copy_and_close(Source& from, Sink& to) {
    auto moved = co_await copy(from, to);
    auto closed = co_await to.close_writing();
    closed.value();
    co_return moved;
}

}  // namespace

CO_TEST_CASE("a copy between pipes moves all, and in the kernel", "[channels][copy]") {
    auto here = make_pipe().value();
    auto there = make_pipe().value();
    scope.spawn(write_and_close(here.writer, long_text()));
    auto copying = scope.spawn(copy_and_close(here.reader, there.writer));
    auto all = co_await read_all(there.reader, much);
    auto moved = co_await copying;
    REQUIRE(all.value() == long_text());
    REQUIRE(moved.value() == much);
}

CO_TEST_CASE("a copy through memory moves all", "[channels][copy]") {
    auto [ours, theirs] = make_memory_stream_pair(1000);
    auto pipe = make_pipe().value();
    scope.spawn(write_and_close(ours, long_text()));
    auto copying = scope.spawn(copy_and_close(theirs, pipe.writer));
    auto all = co_await read_all(pipe.reader, much);
    auto moved = co_await copying;
    REQUIRE(all.value() == long_text());
    REQUIRE(moved.value() == much);
}

CO_TEST_CASE("a copy between streams of unknown type goes through the kernel too",
             "[channels][copy][any_stream]") {
    auto here = make_pipe().value();
    auto there = make_pipe().value();
    auto [spare, other] = make_memory_stream_pair();
    any_stream from(std::move(here.reader), std::move(spare));
    any_stream to(std::move(other), std::move(there.writer));
    STATIC_REQUIRE(byte_source<any_stream>);
    REQUIRE(source_handle_of(from) != nullptr);
    REQUIRE(sink_handle_of(from) == nullptr);
    REQUIRE(sink_handle_of(to) != nullptr);
    scope.spawn(write_and_close(here.writer, long_text()));
    auto copying = scope.spawn(copy_and_close(from, to));
    auto all = co_await read_all(there.reader, much);
    auto moved = co_await copying;
    REQUIRE(all.value() == long_text());
    REQUIRE(moved.value() == much);
}

CO_TEST_CASE("what was received ahead is copied first", "[channels][copy]") {
    auto here = make_pipe().value();
    auto there = make_pipe().value();
    auto sent = co_await write_all(here.writer, bytes_of("first"));
    auto lent = co_await here.reader.receive_lent();
    const std::string first(reinterpret_cast<const char*>(lent->bytes().data()),
                            lent->bytes().size());
    lent = make_error_code(errc::closed);
    scope.spawn(write_and_close(here.writer, "second"));
    auto copying = scope.spawn(copy_and_close(here.reader, there.writer));
    auto all = co_await read_all(there.reader, 100);
    auto moved = co_await copying;
    REQUIRE(sent);
    REQUIRE(first + all.value() == "firstsecond");
    REQUIRE(moved.value() == all->size());
}

CO_TEST_CASE("a cancelled copy goes on without a gap", "[channels][copy][cancel]") {
    auto [source, from] = make_memory_stream_pair(64);
    auto [to, sink] = make_memory_stream_pair(8);
    auto sent = co_await write_all(source, bytes_of("more than the sink has room for"));
    copy_state state;
    auto copying = scope.spawn(copy(from, to, state));
    co_await test::settle();
    REQUIRE_FALSE(copying.is_done());
    copying.request_stop();
    auto cancelled = co_await copying;
    const std::uint64_t moved = state.moved();
    const std::size_t unwritten = state.unwritten().size();
    auto closed = co_await source.close_writing();
    auto reading = scope.spawn(read_all(sink, 100));
    auto rest = co_await copy(from, to, state);
    auto end = co_await to.close_writing();
    auto all = co_await reading;
    REQUIRE(sent);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(moved == 8);
    REQUIRE(unwritten == 23);
    REQUIRE(closed);
    REQUIRE(rest.value() == 31);
    REQUIRE(end);
    REQUIRE(all.value() == "more than the sink has room for");
}

CO_TEST_CASE("a cancelled copy between pipes has lost nothing", "[channels][copy][cancel]") {
    auto here = make_pipe().value();
    auto there = make_pipe().value();
    copy_state state;
    auto sent = co_await write_all(here.writer, bytes_of("one"));
    auto copying = scope.spawn(copy(here.reader, there.writer, state));
    co_await test::settle();
    REQUIRE_FALSE(copying.is_done());
    copying.request_stop();
    auto cancelled = co_await copying;
    scope.spawn(write_and_close(here.writer, " two"));
    auto rest = co_await copy(here.reader, there.writer, state);
    auto closed = co_await there.writer.close_writing();
    auto all = co_await read_all(there.reader, 100);
    REQUIRE(sent);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(state.unwritten().empty());
    REQUIRE(rest.value() == 7);
    REQUIRE(closed);
    REQUIRE(all.value() == "one two");
}

CO_TEST_CASE("a copy fails as its sink does", "[channels][copy]") {
    auto here = make_pipe().value();
    auto there = make_pipe().value();
    auto sent = co_await write_all(here.writer, bytes_of("x"));
    there.reader.close();
    auto failed = co_await copy(here.reader, there.writer);
    REQUIRE(sent);
    REQUIRE(failed.error() == std::errc::broken_pipe);
}

CO_TEST_CASE("a relay passes on both directions and their ends", "[channels][copy]") {
    auto [client, near] = make_memory_stream_pair(50);
    auto [far, server] = make_memory_stream_pair(20);
    auto relaying = scope.spawn(copy_both_ways(near, far));
    scope.spawn(write_and_close(client, "question"));
    auto question = co_await read_all(server, 100);
    auto early = relaying.is_done();
    scope.spawn(write_and_close(server, "the answer"));
    auto answer = co_await read_all(client, 100);
    const relayed done = co_await relaying;
    REQUIRE(question.value() == "question");
    REQUIRE_FALSE(early);
    REQUIRE(answer.value() == "the answer");
    REQUIRE(done.to_second == 8);
    REQUIRE(done.to_first == 10);
    REQUIRE_FALSE(done.error);
}

CO_TEST_CASE("a relay ends as a whole when one side fails", "[channels][copy]") {
    auto [client, near] = make_memory_stream_pair(50);
    auto [far, server] = make_memory_stream_pair(20);
    auto relaying = scope.spawn(copy_both_ways(near, far));
    co_await test::settle();
    auto early = relaying.is_done();
    server.close();
    auto sent = co_await write_all(client, bytes_of("to nobody"));
    const relayed done = co_await relaying;
    REQUIRE_FALSE(early);
    REQUIRE(sent);
    REQUIRE(done.error == std::errc::broken_pipe);
}

CO_TEST_CASE("a relay is stopped", "[channels][copy][cancel]") {
    auto [client, near] = make_memory_stream_pair(50);
    auto [far, server] = make_memory_stream_pair(20);
    auto relaying = scope.spawn(copy_both_ways(near, far));
    co_await test::settle();
    auto early = relaying.is_done();
    relaying.request_stop();
    const relayed done = co_await relaying;
    REQUIRE_FALSE(early);
    REQUIRE(done.error == errc::cancelled);
}
