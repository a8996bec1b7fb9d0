// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/line_reader.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/runtime/as_task.hpp>

#include <array>
#include <string>
#include <vector>

using namespace conduit;

namespace {

template <class Sink>
task<> write_and_close(Sink out, std::string text) {
    Sink mine = std::move(out);
    const std::string owned = std::move(text);
    auto written = co_await write_all(mine, bytes_of(owned));
    written.value();
}

}  // namespace

CO_TEST_CASE("lines come one by one, the last without its newline too", "[channels][line_reader]") {
    auto [in, out] = make_pipe().value();
    scope.spawn(write_and_close(std::move(out), "one\n\ntwo\r\nthree"));
    line_reader lines(in);
    std::vector<std::string> all;
    while (auto line = co_await lines.next()) all.push_back(*line);
    auto end = co_await lines.next();
    const std::vector<std::string> expected{"one", "", "two\r", "three"};
    REQUIRE(all == expected);
    REQUIRE(end.error() == errc::end_of_stream);
}

CO_TEST_CASE("a line longer than lent buffers arrives whole", "[channels][line_reader]") {
    auto [in, out] = make_pipe().value();
    const std::string line(50'000, 'x');
    scope.spawn(write_and_close(std::move(out), line + "\nrest"));
    line_reader lines(in);
    auto first = co_await lines.next();
    auto second = co_await lines.next();
    REQUIRE(first.value() == line);
    REQUIRE(second.value() == "rest");
}

CO_TEST_CASE("a line that is too long is refused and not taken", "[channels][line_reader]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("1234\n12345\n"));
    line_reader lines(in, 4);
    auto fits = co_await lines.next();
    auto refused = co_await lines.next();
    auto again = co_await lines.next();
    std::array<std::byte, 6> buffer{};
    auto skipped = co_await lines.read_exact(buffer);
    auto more = co_await write_all(out, bytes_of("ok\n"));
    auto after = co_await lines.next();
    REQUIRE(written);
    REQUIRE(fits.value() == "1234");
    REQUIRE(refused.error() == errc::too_long);
    REQUIRE(again.error() == errc::too_long);
    REQUIRE(skipped);
    REQUIRE(buffer[5] == std::byte{'\n'});
    REQUIRE(more);
    REQUIRE(after.value() == "ok");
}

CO_TEST_CASE("a line without an end is refused once its limit has come",
             "[channels][line_reader]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("12345"));
    line_reader lines(in, 4);
    auto refused = co_await lines.next();  // although more could come
    REQUIRE(written);
    REQUIRE(refused.error() == errc::too_long);
}

CO_TEST_CASE("a delimiter of several bytes is found across reads", "[channels][line_reader]") {
    auto [ours, theirs] = make_memory_stream_pair(1);
    scope.spawn(write_and_close(std::move(theirs), "a\rb\nc\r\nrest"));
    line_reader lines(ours);
    auto got = co_await lines.read_until("\r\n", 5);
    auto cut_off = co_await lines.read_until("\r\n", 5);
    auto rest = co_await lines.next();
    auto end = co_await lines.read_until("\r\n", 5);
    REQUIRE(got.value() == "a\rb\nc");
    REQUIRE(cut_off.error() == errc::truncated);
    REQUIRE(rest.value() == "rest");
    REQUIRE(end.error() == errc::end_of_stream);
}

CO_TEST_CASE("a cancelled wait for a line leaves no gap", "[channels][line_reader][cancel]") {
    auto [in, out] = make_pipe().value();
    line_reader lines(in);
    auto half = co_await write_all(out, bytes_of("first ha"));
    auto pending = scope.spawn(lines.next());
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto rest = co_await write_all(out, bytes_of("lf\n"));
    auto line = co_await lines.next();
    REQUIRE(half);
    REQUIRE(rest);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(line.value() == "first half");
}

CO_TEST_CASE("a cancelled read_exact leaves no gap", "[channels][line_reader][cancel]") {
    auto [in, out] = make_pipe().value();
    line_reader lines(in);
    auto half = co_await write_all(out, bytes_of("line\nabc"));
    auto line = co_await lines.next();
    std::array<std::byte, 6> buffer{};
    auto pending = scope.spawn(lines.read_exact(buffer));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto rest = co_await write_all(out, bytes_of("def"));
    auto got = co_await lines.read_exact(buffer);
    REQUIRE(half);
    REQUIRE(line.value() == "line");
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(rest);
    REQUIRE(got);
    REQUIRE(std::string(reinterpret_cast<const char*>(buffer.data()), 6) == "abcdef");
}

CO_TEST_CASE("what was read ahead is read first", "[channels][line_reader]") {
    auto [in, out] = make_pipe().value();
    scope.spawn(write_and_close(std::move(out), "header\nbody"));
    line_reader lines(in);
    auto header = co_await lines.next();
    auto body = co_await read_all(lines, 100);
    REQUIRE(header.value() == "header");
    REQUIRE(body.value() == "body");
}
