// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/any_stream.hpp>

#include "../support/co_test.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>

#include <array>
#include <string>

using namespace conduit;

namespace {

/// What a socket has and a pipe has not.
class with_capabilities {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::same_host};

    explicit with_capabilities(memory_stream inside) : inside_(std::move(inside)) {}

    auto read_some(std::span<std::byte> buffer) { return inside_.read_some(buffer); }
    auto write_some(std::span<const std::byte> bytes) { return inside_.write_some(bytes); }
    auto close_writing() { return inside_.close_writing(); }
    void close() { inside_.close(); }
    bool is_open() const { return inside_.is_open(); }

    auto send(const outgoing_message& message) { return inside_.write_some(message.bytes()); }
    auto receive(incoming_message& message) { return inside_.read_some(message.buffer); }
    result<credentials> peer_credentials() const {
        credentials known;
        known.pid = 42;
        return known;
    }

private:
    memory_stream inside_;
};

}  // namespace

TEST_CASE("any_stream is a stream, and any stream fits in", "[channels][any_stream]") {
    STATIC_REQUIRE(byte_stream<any_stream>);
    STATIC_REQUIRE(lending_source<any_stream>);
    STATIC_REQUIRE(channel<any_stream>);
    STATIC_REQUIRE(std::is_constructible_v<any_stream, memory_stream>);
    STATIC_REQUIRE(std::is_constructible_v<any_stream, pipe_reader, pipe_writer>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<any_stream, pipe_reader>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<any_stream, memory_stream&>);
}

CO_TEST_CASE("what a stream inside can do can be done through any_stream",
             "[channels][any_stream]") {
    auto [one, other] = make_memory_stream_pair();
    any_stream ours(with_capabilities(std::move(one)));
    const outgoing_message sending(bytes_of("hello"));
    auto sent = co_await ours.send(sending);
    std::array<std::byte, 8> buffer{};
    auto got = co_await other.read_some(buffer);
    auto back = co_await other.write_some(bytes_of("hi"));
    incoming_message message(buffer);
    auto received = co_await ours.receive(message);
    auto who = co_await ours.peer_credentials();
    REQUIRE(sent.value() == 5);
    REQUIRE(got.value() == 5);
    REQUIRE(back.value() == 2);
    REQUIRE(received.value() == 2);
    REQUIRE(who->pid == 42);
}

CO_TEST_CASE("what it cannot do is not supported", "[channels][any_stream]") {
    auto [one, other] = make_memory_stream_pair();
    any_stream ours(std::move(one));
    const outgoing_message sending(bytes_of("hello"));
    std::array<std::byte, 8> buffer{};
    incoming_message message(buffer);
    auto sent = co_await ours.send(sending);
    auto received = co_await ours.receive(message);
    auto who = co_await ours.peer_credentials();
    REQUIRE(sent.error() == std::errc::not_supported);
    REQUIRE(received.error() == std::errc::not_supported);
    REQUIRE(who.error() == std::errc::not_supported);
    REQUIRE(ours.inside().source_handle() == nullptr);
}

CO_TEST_CASE("a source and a sink make one stream", "[channels][any_stream]") {
    auto there = make_pipe().value();
    auto back = make_pipe().value();
    any_stream child(std::move(back.reader), std::move(there.writer));
    auto sent = co_await write_all(child, bytes_of("ask"));
    std::array<std::byte, 3> buffer{};
    auto asked = co_await read_exact(there.reader, std::span<std::byte>(buffer));
    auto answered = co_await back.writer.write_some(bytes_of("yes"));
    auto lent = co_await child.receive_lent();
    auto closed = co_await child.close_writing();
    auto end = co_await there.reader.read_some(buffer);
    const bool open = child.is_open();
    child.close();
    REQUIRE(sent);
    REQUIRE(asked);
    REQUIRE(answered);
    REQUIRE(lent->bytes()[0] == std::byte{'y'});
    REQUIRE(closed);
    REQUIRE(end.value() == 0);
    REQUIRE(open);
    REQUIRE_FALSE(child.is_open());
    REQUIRE(child.inside().traits().relation == channel_relation::related);
    REQUIRE(child.inside().traits().ways == channel_ways::two_way);
}

CO_TEST_CASE("only what reads by a plain operation has a handle for copies",
             "[channels][any_stream]") {
    class with_a_policy {
    public:
        explicit with_a_policy(pipe_reader& from) : from_(&from) {}
        task<result<std::size_t>> read_some(std::span<std::byte> buffer) {
            co_return co_await from_->read_some(buffer);
        }
        io_handle& handle() { return from_->handle(); }

    private:
        pipe_reader* from_;
    };
    auto ends = make_pipe().value();
    with_a_policy careful(ends.reader);
    REQUIRE(source_handle_of(ends.reader) == &ends.reader.handle());
    REQUIRE(sink_handle_of(ends.writer) == &ends.writer.handle());
    REQUIRE(source_handle_of(careful) == nullptr);
    co_return;
}
