// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_stream.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_error.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <stdexcept>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a Unix stream is a byte stream between any processes of a host",
          "[channels][unix_stream][traits]") {
    STATIC_REQUIRE(byte_stream<unix_stream>);
    STATIC_REQUIRE(channel<unix_stream>);
    STATIC_REQUIRE(unix_stream::traits.ways == channel_ways::two_way);
    STATIC_REQUIRE(unix_stream::traits.duplex == channel_duplex::full);
    STATIC_REQUIRE(unix_stream::traits.relation == channel_relation::same_host);
}

CO_TEST_CASE("a pair carries bytes both ways", "[channels][unix_stream]") {
    auto [here, there] = make_unix_pair().value();
    std::array<std::byte, 16> buffer{};
    auto sent = co_await write_all(here, bytes_of("hello"));
    const auto five = std::span(buffer).first(5);
    auto got = co_await read_exact(there, five);
    const std::string came = text_of(five);
    auto answered = co_await write_all(there, bytes_of("world"));
    auto back = co_await read_exact(here, five);
    REQUIRE(sent);
    REQUIRE(got);
    REQUIRE(came == "hello");
    REQUIRE(answered);
    REQUIRE(back);
    REQUIRE(text_of(five) == "world");
}

CO_TEST_CASE("U3: who has ended its writing is still answered",
             "[channels][unix_stream][fault][U3]") {
    auto [here, there] = make_unix_pair().value();
    std::array<std::byte, 16> buffer{};
    auto asked = co_await write_all(here, bytes_of("ask"));
    auto ended = co_await here.close_writing();
    auto too_late = co_await here.write_some(bytes_of("x"));
    const auto three = std::span(buffer).first(3);
    auto got = co_await read_exact(there, three);
    auto end = co_await there.read_some(buffer);
    auto answered = co_await write_all(there, bytes_of("answer"));
    there.close();
    const auto six = std::span(buffer).first(6);
    auto answer = co_await read_exact(here, six);
    auto last = co_await here.read_some(buffer);
    REQUIRE(asked);
    REQUIRE(ended);
    REQUIRE(too_late.error() == std::errc::broken_pipe);
    REQUIRE(got);
    REQUIRE(end.value() == 0);
    REQUIRE(answered);
    REQUIRE(answer);
    REQUIRE(last.value() == 0);
}

CO_TEST_CASE("U2: a peer that closes with unread bytes resets, another ends",
             "[channels][unix_stream][fault][U2]") {
    auto [here, there] = make_unix_pair().value();
    auto [second_here, second_there] = make_unix_pair().value();
    std::array<std::byte, 16> buffer{};
    auto unread = co_await here.write_some(bytes_of("unread"));
    there.close();
    second_there.close();
    auto reset = co_await here.read_some(buffer);
    auto after = co_await here.read_some(buffer);
    auto broken = co_await here.write_some(bytes_of("x"));
    auto clean = co_await second_here.read_some(buffer);
    REQUIRE(unread);
    REQUIRE(reset.error() == std::errc::connection_reset);
    REQUIRE(after.value() == 0);
    REQUIRE(broken.error() == std::errc::broken_pipe);
    REQUIRE(clean.value() == 0);
}

CO_TEST_CASE("U5: tiny writes fill a socket soon, and it drains again",
             "[channels][unix_stream][fault][U5]") {
    auto [here, there] = make_unix_pair().value();
    std::size_t written = 0;
    for (;;) {
        auto one = co_await within(1ms, here.write_some(bytes_of("x")));
        if (!one) {
            REQUIRE(one.error() == errc::timed_out);
            break;
        }
        ++written;
    }
    const std::size_t drained = co_await test::drain(there.handle());
    auto again = co_await here.write_some(bytes_of("x"));
    REQUIRE(drained == written);
    REQUIRE(again.value() == 1);
    // Not a promise of the kernel's, but why small writes are worth gathering.
    if (scheduler::current().backend_name() != "sim") REQUIRE(written < 10000);
}

CO_TEST_CASE("a cancelled read of a stream loses no bytes", "[channels][unix_stream][cancel]") {
    auto [here, there] = make_unix_pair().value();
    std::array<std::byte, 16> buffer{};
    auto pending = scope.spawn(as_task(here.read_some(buffer)));
    co_await yield();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto sent = co_await there.write_some(bytes_of("kept"));
    const auto four = std::span(buffer).first(4);
    auto got = co_await read_exact(here, four);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(sent.value() == 4);
    REQUIRE(got);
}

CO_TEST_CASE("a detached stream is adopted again, and what is none is not",
             "[channels][unix_stream]") {
    auto [here, there] = make_unix_pair().value();
    auto fd = here.detach();
    auto again = unix_stream::adopt(std::move(*fd));
    std::array<std::byte, 4> buffer{};
    auto sent = co_await there.write_some(bytes_of("x"));
    auto got = co_await again->read_some(buffer);
    auto pipe = current_kernel().make_pipe();
    auto no_stream = unix_stream::adopt(std::move(pipe->first));
    REQUIRE(sent);
    REQUIRE(got.value() == 1);
    REQUIRE_FALSE(here.is_open());
    REQUIRE(no_stream.error() == std::errc::invalid_argument);
}

CO_TEST_CASE("a stream that moves on keeps its policy and what is known of its peer",
             "[channels][unix_stream]") {
    const test::temp_dir folder;
    const auto options = unix_listen_options().handles(handle_policy().only(handle_type::process));
    auto listener = unix_listener::listen(folder.path("s"), options).value();
    auto client = co_await unix_stream::connect(folder.path("s"));
    auto accepted = co_await listener.accept();
    auto moving = accepted->depart();
    const bool left = !accepted->is_open();
    auto here = unix_stream::arrive(std::move(*moving)).value();
    auto asking = scope.spawn(here.peer_credentials());
    co_await test::settle();
    const bool early = asking.is_done();  // an adopted one says at once who connected
    auto pipe = current_kernel().make_pipe();
    outgoing_message message(bytes_of("x"));
    message.attach(pipe->first).value();
    auto sent = co_await client->send(message);
    auto sender = co_await asking;
    std::array<std::byte, 4> buffer{};
    auto got = co_await here.receive(buffer);
    REQUIRE(left);
    REQUIRE_FALSE(early);
    REQUIRE(sent);
    REQUIRE(sender->uid == current_kernel().effective_user());
    REQUIRE(got.error() == unix_errc::handle_refused);
}

CO_TEST_CASE("abstract names are refused in words", "[channels][unix_stream][U14]") {
    auto with_sign = co_await unix_stream::connect("@conduit");
    auto with_zero = co_await unix_stream::connect(std::string("\0conduit", 8));
    auto empty = co_await unix_stream::connect("");
    REQUIRE(with_sign.error() == unix_errc::abstract_name);
    REQUIRE(with_zero.error() == unix_errc::abstract_name);
    REQUIRE(with_sign.error().message().find("./@name") != std::string::npos);
    REQUIRE(empty.error() == std::errc::invalid_argument);
}

CO_TEST_CASE("a peer that closes is gone, and one that ends its writing is not",
             "[channels][unix_stream]") {
    auto [here, there] = make_unix_pair().value();
    auto [second_here, second_there] = make_unix_pair().value();
    auto gone = scope.spawn(here.peer_gone());
    auto second_gone = scope.spawn(second_here.peer_gone());
    std::array<std::byte, 4> buffer{};
    auto sent = co_await there.write_some(bytes_of("x"));
    auto got = co_await here.read_some(buffer);
    auto ended = co_await there.close_writing();
    co_await test::settle();
    const bool gone_early = gone.is_done();
    there.close();
    auto first_gone = co_await gone;
    const bool second_too = second_gone.is_done();
    second_gone.request_stop();
    auto stopped = co_await second_gone;
    auto still_there = co_await second_there.write_some(bytes_of("y"));
    auto read = co_await second_here.read_some(buffer);
    REQUIRE(sent);
    REQUIRE(got);
    REQUIRE(ended);
    REQUIRE_FALSE(gone_early);
    REQUIRE(first_gone);
    REQUIRE_FALSE(second_too);
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(still_there);
    REQUIRE(read.value() == 1);
}

TEST_CASE("waiting for a peer to go asks for nothing while bytes come and go",
          "[channels][unix_stream]") {
    test::run_on_each_kernel([]() -> task<> {
        constexpr int rounds = 1000;
        auto [here, there] = make_unix_pair().value();
        std::array<std::byte, 4> buffer{};
        const conduit::counters& counted = scheduler::current().counters();
        const auto exchange = [](unix_stream& one, unix_stream& other,
                                 std::span<std::byte> into) -> task<> {
            for (int i = 0; i < rounds; ++i) {
                auto sent = co_await one.write_some(bytes_of("x"));
                auto got = co_await other.read_some(into);
                if (!sent || !got) throw std::runtime_error("the pair broke");
            }
        };
        std::uint64_t before = counted.system_calls.value();
        co_await exchange(there, here, buffer);
        const std::uint64_t alone = counted.system_calls.value() - before;
        task_scope scope;
        auto gone = scope.spawn(here.peer_gone());
        co_await test::settle();
        before = counted.system_calls.value();
        co_await exchange(there, here, buffer);
        const std::uint64_t watched = counted.system_calls.value() - before;
        there.close();
        auto at_last = co_await gone;
        co_await scope.join();
        REQUIRE(at_last);
        REQUIRE(watched <= alone + 50);
    });
}

CO_TEST_CASE("a wait for the peer that is destroyed leaves the connection alone",
             "[channels][unix_stream][cancel]") {
    auto [here, there] = make_unix_pair().value();
    {
        task_scope inner;
        inner.spawn(here.peer_gone());
        co_await test::settle();
    }
    co_await test::settle();
    std::array<std::byte, 4> buffer{};
    auto sent = co_await there.write_some(bytes_of("x"));
    auto got = co_await here.read_some(buffer);
    auto answered = co_await here.write_some(bytes_of("y"));
    REQUIRE(sent);
    REQUIRE(got.value() == 1);
    REQUIRE(answered);
}
