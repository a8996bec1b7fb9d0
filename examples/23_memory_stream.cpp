// SPDX-License-Identifier: BSL-1.0
//
// A server and its client inside one process, which exchange messages over a memory stream. In
// simulated time every run takes the same steps, so that a test of such a server never wavers.

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/message.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

using namespace conduit;

namespace {

std::string text_of(const std::vector<std::byte>& message) {
    std::string text(message.size(), '\0');
    std::transform(message.begin(), message.end(), text.begin(),
                   [](std::byte each) { return static_cast<char>(each); });
    return text;
}

/// Answers each message with the same backwards, until the client is done.
task<> serve(memory_stream& peer) {
    message_reader in(peer, 1024);
    message_writer out(peer);
    while (auto question = co_await in.next()) {
        std::reverse(question->begin(), question->end());
        auto answered = co_await out.write(*question);
        answered.value();
    }
    auto closed = co_await peer.close_writing();
    closed.value();
}

task<> ask(memory_stream& server) {
    message_reader in(server, 1024);
    message_writer out(server);
    for (const char* const question : {"stressed", "drawer"}) {
        auto sent = co_await out.write(bytes_of(question));
        sent.value();
        auto answer = co_await in.next();
        std::printf("%s: %s\n", question, text_of(answer.value()).c_str());
    }
    auto closed = co_await server.close_writing();
    closed.value();
    auto end = co_await in.next();
    std::printf("then: %s\n", end.error().message().c_str());
}

task<> program() {
    auto ends = make_memory_stream_pair(8);  // less than a message: both sides wait for each other
    task_scope scope;
    scope.spawn(serve(ends.first));
    scope.spawn(ask(ends.second));
    co_await scope.join();
}

}  // namespace

int main() { scheduler(scheduler_options().backend(backend_kind::sim).seed(1)).run(program()); }
