// SPDX-License-Identifier: BSL-1.0
//
// A handle travels through a Unix socket: one task sends the reading end of a pipe, the other looks
// at what it got and reads from it. A handle of a kind that is not taken ends the connection.

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/run.hpp>

#include <array>
#include <cstdio>

using namespace conduit;

namespace {

task<> send_handle(unix_stream& to, unique_fd handle) {
    const unique_fd own = std::move(handle);
    outgoing_message message(bytes_of("take this"));
    message.attach(own).value();
    auto sent = co_await to.send(message);
    sent.value();
}

/// Reads from the pipe that comes, if one does.
task<> use_handle(unix_stream& from) {
    std::array<char, 64> text{};
    const auto buffer = std::as_writable_bytes(std::span(text));
    auto message = co_await from.receive(buffer);
    if (!message) {
        std::printf("refused: %s\n", message.error().message().c_str());
        co_return;
    }
    received_handle& came = message->handles.at(0);
    std::printf("\"%.*s\": a %s to %s\n", static_cast<int>(message->bytes), text.data(),
                came.type() == handle_type::pipe ? "pipe" : "thing",
                came.reads() ? "read from" : "write to");
    auto in = pipe_reader::adopt(came.take()).value();
    auto got = co_await in.read_some(buffer);
    std::printf("through it: %.*s\n", static_cast<int>(got.value()), text.data());
}

task<> program() {
    auto pair = make_unix_pair().value();
    auto pipe = make_pipe().value();
    auto written = co_await write_all(pipe.writer, bytes_of("hello"));
    written.value();
    co_await send_handle(pair.first, pipe.reader.detach().value());
    co_await use_handle(pair.second);

    auto hostile = make_unix_pair().value();  // sockets are not let in unless that is asked for
    co_await send_handle(pair.first, hostile.first.detach().value());
    co_await use_handle(pair.second);
}

}  // namespace

int main() { conduit::run(program()); }
