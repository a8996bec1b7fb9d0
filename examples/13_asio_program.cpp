// SPDX-License-Identifier: BSL-1.0
//
// conduit inside an Asio program: Asio's coroutine serves one end of a socket pair and awaits a
// conduit task, which uses the other end and bounds a wait by a deadline. One thread runs both.

#include <conduit/runtime/asio.hpp>
#include <conduit/runtime/within.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>

using namespace std::chrono_literals;
using socket_type = asio::local::stream_protocol::socket;

namespace {

asio::awaitable<void> echo_once(socket_type& peer) {
    std::array<char, 64> buffer{};
    const std::size_t n = co_await peer.async_read_some(asio::buffer(buffer), asio::use_awaitable);
    co_await asio::async_write(peer, asio::buffer(buffer, n), asio::use_awaitable);
}

// A conduit task: Asio's errors are results here, and a deadline bounds Asio's operations as well.
conduit::task<std::string> converse(socket_type& server) {
    const std::string question = "is anybody there?";
    auto sent = co_await asio::async_write(server, asio::buffer(question), conduit::from_asio);
    sent.value();

    std::array<char, 64> buffer{};
    auto got = co_await server.async_read_some(asio::buffer(buffer), conduit::from_asio);
    const std::string answer(buffer.data(), got.value());

    auto more = co_await conduit::within(
        10ms, server.async_read_some(asio::buffer(buffer), conduit::from_asio));
    std::printf("and then: %s\n", more.error().message().c_str());
    co_return answer;
}

asio::awaitable<void> program(conduit::asio_host& host, asio::io_context& context) {
    socket_type ours(context);
    socket_type theirs(context);
    asio::local::connect_pair(ours, theirs);
    asio::co_spawn(context, echo_once(theirs), asio::detached);

    const std::string answer =
        co_await conduit::asio_spawn(host, converse(ours), asio::use_awaitable);
    std::printf("the echo: %s\n", answer.c_str());
    host.request_stop();  // without tasks the host lets go of the context at once
}

}  // namespace

int main() {
    asio::io_context context(1);
    conduit::asio_host host(context);
    asio::co_spawn(context, program(host, context), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
    context.run();
}
