// SPDX-License-Identifier: BSL-1.0
//
// Two tasks and an ordinary pipe between them: one writes lines, the other reads until the end.

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <array>
#include <cstdio>
#include <string>

using namespace conduit;

namespace {

task<> produce(pipe_writer& out) {
    for (int i = 1; i <= 3; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        auto sent = co_await write_all(out, bytes_of(line));
        sent.value();
    }
    auto closed = co_await out.close_writing();
    closed.value();
}

task<> consume(pipe_reader& in) {
    std::array<char, 64> buffer{};
    for (;;) {
        auto got = co_await in.read_some(std::as_writable_bytes(std::span(buffer)));
        if (got.value() == 0) break;
        std::printf("%.*s", static_cast<int>(*got), buffer.data());
    }
    std::puts("the end");
}

task<> program() {
    auto ends = make_pipe().value();
    task_scope scope;
    scope.spawn(produce(ends.writer));
    scope.spawn(consume(ends.reader));
    co_await scope.join();
}

}  // namespace

int main() { conduit::run(program()); }
