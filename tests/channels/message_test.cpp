// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/message.hpp>

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

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Sink>
task<result<void>> write_text(message_writer<Sink>& to, std::string text) {
    const std::string owned = std::move(text);
    co_return co_await to.write(bytes_of(owned));
}

}  // namespace

TEST_CASE("a message's length is a little-endian u32", "[channels][message]") {
    const message_header header = make_message_header(0x01020304);
    REQUIRE(header[0] == std::byte{4});
    REQUIRE(header[3] == std::byte{1});
    REQUIRE(message_length(header) == 0x01020304);
    REQUIRE(message_length(make_message_header(UINT32_MAX)) == UINT32_MAX);
}

CO_TEST_CASE("messages keep their boundaries, empty ones too", "[channels][message]") {
    auto [in, out] = make_pipe().value();
    message_writer to(out);
    message_reader from(in);
    const std::string large(100'000, 'x');
    auto first = co_await write_text(to, "first");
    auto empty = co_await write_text(to, "");
    auto third = scope.spawn(write_text(to, large));
    auto one = co_await from.next();
    auto two = co_await from.next();
    auto three = co_await from.next();
    auto written = co_await third;
    auto closed = co_await out.close_writing();
    auto end = co_await from.next();
    REQUIRE(first);
    REQUIRE(empty);
    REQUIRE(text_of(one.value()) == "first");
    REQUIRE(two.value().empty());
    REQUIRE(text_of(three.value()) == large);
    REQUIRE(written);
    REQUIRE(closed);
    REQUIRE(end.error() == errc::end_of_stream);
}

CO_TEST_CASE("P9: an end inside a message is no clean end", "[channels][message][fault][P9]") {
    for (const std::size_t sent : {std::size_t{1}, std::size_t{4}, std::size_t{6}}) {
        auto [in, out] = make_pipe().value();
        message_reader from(in);
        const std::string whole = std::string("\x03\0\0\0", 4) + "abc";
        auto written = co_await write_all(out, bytes_of(whole).first(sent));
        out.close();
        auto got = co_await from.next();
        auto again = co_await from.next();
        REQUIRE(written);
        REQUIRE(got.error() == errc::truncated);
        REQUIRE(again.error() == errc::truncated);
    }
}

CO_TEST_CASE("a message that is too long is refused in words", "[channels][message]") {
    auto [in, out] = make_pipe().value();
    message_reader from(in, 10);
    const message_header header = make_message_header(4'000'000'000U);
    auto written = co_await write_all(out, header);
    const std::string before = from.refusal();
    auto refused = co_await from.next();
    auto again = co_await from.next();
    message_writer to(out, 10);
    auto unsent = co_await write_text(to, "eleven byte");
    REQUIRE(written);
    REQUIRE(before.empty());
    REQUIRE(refused.error() == errc::too_long);
    REQUIRE(again.error() == errc::too_long);
    REQUIRE(from.refusal() == "a message of 4000000000 bytes, where at most 10 are allowed");
    REQUIRE(unsent.error() == errc::too_long);
}

CO_TEST_CASE("P5: several tasks write messages that never mix", "[channels][message][fault][P5]") {
    auto [ours, theirs] = make_memory_stream_pair(7);
    message_writer to(ours);
    message_reader from(theirs);
    auto a = scope.spawn(write_text(to, std::string(100, 'a')));
    auto b = scope.spawn(write_text(to, std::string(100, 'b')));
    auto c = scope.spawn(write_text(to, std::string(100, 'c')));
    std::string order;
    for (int i = 0; i < 3; ++i) {
        auto got = co_await from.next();
        const std::string text = text_of(got.value());
        REQUIRE(text == std::string(100, text.front()));
        order += text.front();
    }
    auto first = co_await a;
    auto second = co_await b;
    auto third = co_await c;
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE(third);
    REQUIRE(order.size() == 3);
}

CO_TEST_CASE("a cancelled wait for a message leaves no gap", "[channels][message][cancel]") {
    const std::string whole = std::string("\x06\0\0\0", 4) + "abcdef";
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        auto [in, out] = make_pipe().value();
        message_reader from(in);
        auto some = co_await write_all(out, bytes_of(whole).first(cut));
        auto pending = scope.spawn(from.next());
        co_await test::settle();
        REQUIRE_FALSE(pending.is_done());
        pending.request_stop();
        auto cancelled = co_await pending;
        auto rest = co_await write_all(out, bytes_of(whole).subspan(cut));
        auto got = co_await from.next();
        REQUIRE(some);
        REQUIRE(rest);
        REQUIRE(cancelled.error() == errc::cancelled);
        REQUIRE(text_of(got.value()) == "abcdef");
    }
}

CO_TEST_CASE("a message that was cut off in the middle ends the writing",
             "[channels][message][cancel]") {
    auto [ours, theirs] = make_memory_stream_pair(8);
    message_writer to(ours);
    auto pending = scope.spawn(write_text(to, "more than fits"));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cut_off = co_await pending;
    auto after = co_await write_text(to, "x");
    REQUIRE(cut_off.error() == errc::cancelled);
    REQUIRE(after.error() == errc::truncated);
}

CO_TEST_CASE("a message that was ended before its first byte does no harm",
             "[channels][message][cancel]") {
    auto [ours, theirs] = make_memory_stream_pair(5);
    message_writer to(ours);
    auto first = co_await write_text(to, "1");
    auto pending = scope.spawn(write_text(to, "2"));
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto ended = co_await pending;
    message_reader from(theirs);
    auto one = co_await from.next();
    auto third = co_await write_text(to, "3");
    auto two = co_await from.next();
    REQUIRE(first);
    REQUIRE(ended.error() == errc::cancelled);
    REQUIRE(text_of(one.value()) == "1");
    REQUIRE(third);
    REQUIRE(text_of(two.value()) == "3");
}

namespace {

/// Says that a long message comes, and goes; notes how much room it was ever offered.
class promising_source {
public:
    explicit promising_source(std::uint32_t length) : header_(make_message_header(length)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) {
        most_room_ = std::max(most_room_, buffer.size());
        if (std::exchange(said_, true)) co_return std::size_t{0};
        std::copy(header_.begin(), header_.end(), buffer.begin());
        co_return header_.size();
    }
    std::size_t most_room() const noexcept { return most_room_; }

private:
    message_header header_;
    std::size_t most_room_ = 0;
    bool said_ = false;
};

}  // namespace

CO_TEST_CASE("a length alone gets no memory for the whole message", "[channels][message][fault]") {
    promising_source from(16 * 1024 * 1024);
    message_reader in(from, 16 * 1024 * 1024);
    auto got = co_await in.next();
    REQUIRE(got.error() == errc::truncated);
    REQUIRE(from.most_room() <= 64 * 1024);
}
