// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/stream.hpp>

#include "../support/co_test.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>

#include <array>
#include <string>
#include <vector>

using namespace conduit;

namespace {

using parts_of_text = std::vector<std::span<const std::byte>>;

/// Counts the writes that reach it.
class counting_sink {
public:
    explicit counting_sink(memory_stream& to) : to_(&to) {}
    auto write_some(std::span<const std::byte> bytes) {
        ++writes;
        return to_->write_some(bytes);
    }
    auto close_writing() { return to_->close_writing(); }

    int writes = 0;

private:
    memory_stream* to_;
};

}  // namespace

TEST_CASE("a channel is a source, a sink or both", "[channels][stream]") {
    STATIC_REQUIRE(byte_source<pipe_reader>);
    STATIC_REQUIRE_FALSE(byte_sink<pipe_reader>);
    STATIC_REQUIRE(byte_sink<pipe_writer>);
    STATIC_REQUIRE_FALSE(byte_source<pipe_writer>);
    STATIC_REQUIRE_FALSE(byte_stream<pipe_writer>);
}

CO_TEST_CASE("nothing to read or write is done at once", "[channels][stream]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, std::span<const std::byte>());
    auto read = co_await read_exact(in, std::span<std::byte>());
    REQUIRE(written);
    REQUIRE(read);
}

CO_TEST_CASE("small parts go out in one write", "[channels][stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    counting_sink out(ours);
    const parts_of_text parts{bytes_of("head"), {}, bytes_of("er, "), bytes_of("body"), {}};
    auto written = co_await write_all(out, parts);
    ours.close();
    auto all = co_await read_all(theirs, 100);
    REQUIRE(written);
    REQUIRE(out.writes == 1);
    REQUIRE(all.value() == "header, body");
}

CO_TEST_CASE("large parts go out from where they are", "[channels][stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    counting_sink out(ours);
    const std::string small(100, 'a');
    const std::string large(9000, 'b');
    const std::string middling(gathered_bytes_max - 50, 'c');
    const parts_of_text parts{bytes_of(small), bytes_of(large), bytes_of(small), bytes_of(middling),
                              bytes_of(small)};
    std::size_t count = 0;
    auto written = co_await write_all(out, parts, count);
    ours.close();
    auto all = co_await read_all(theirs, 100'000);
    REQUIRE(written);
    REQUIRE(all.value() == small + large + small + middling + small);
    REQUIRE(count == all->size());
    REQUIRE(out.writes <= 5);
}

CO_TEST_CASE("no parts are written at once", "[channels][stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    counting_sink out(ours);
    auto written = co_await write_all(out, parts_of_text());
    REQUIRE(written);
    REQUIRE(out.writes == 0);
}

CO_TEST_CASE("a write that was cut off says how far it came", "[channels][stream][cancel]") {
    auto [ours, theirs] = make_memory_stream_pair(6);
    const parts_of_text parts{bytes_of("head"), bytes_of("body")};
    std::size_t count = 0;
    auto pending = scope.spawn(write_all(ours, parts, count));
    pending.request_stop();
    auto unstarted = co_await pending;
    const std::size_t before = count;
    theirs.close();
    auto failed = co_await write_all(ours, parts, count);
    REQUIRE(unstarted.error() == errc::cancelled);
    REQUIRE(before == 0);
    REQUIRE(failed.error() == std::errc::broken_pipe);
    REQUIRE(count == 0);
}

CO_TEST_CASE("a stream is read to its end, up to a limit", "[channels][stream]") {
    auto [ours, theirs] = make_memory_stream_pair();
    const std::string text(10'000, 'x');
    auto sent = co_await write_all(ours, bytes_of(text));
    ours.close();
    auto all = co_await read_all(theirs, text.size());
    auto [one, other] = make_memory_stream_pair();
    auto again = co_await write_all(one, bytes_of(text));
    auto refused = co_await read_all(other, text.size() - 1);
    REQUIRE(sent);
    REQUIRE(all.value() == text);
    REQUIRE(again);
    REQUIRE(refused.error() == errc::too_long);
}
