// SPDX-License-Identifier: BSL-1.0
//
// An ordinary pipe between parent and child, one in each direction: the parent starts this program
// once more and talks to it; the child adopts the standard input and output that it inherited.

#include <conduit/channels/command.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <string>
#include <string_view>

using namespace conduit;

namespace {

/// Sends back in capitals whatever comes, until its input ends.
task<int> run_child() {
    auto in = pipe_reader::adopt(unique_fd(0)).value();
    auto out = pipe_writer::adopt(unique_fd(1)).value();
    std::array<char, 256> buffer{};
    const auto bytes = std::as_writable_bytes(std::span(buffer));
    for (;;) {
        auto got = co_await in.read_some(bytes);
        if (got.value() == 0) co_return 7;
        std::transform(buffer.begin(), buffer.begin() + *got, buffer.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        auto sent = co_await write_all(out, bytes.first(*got));
        sent.value();
    }
}

task<int> run_parent() {
    auto peer = start(command("/proc/self/exe", "child")).value();
    std::array<char, 256> buffer{};
    for (const std::string_view word : {"hello", "from the parent"}) {
        auto sent = co_await write_all(peer, bytes_of(word));
        sent.value();
        const std::span<char> answer = std::span(buffer).first(word.size());
        auto got = co_await read_exact(peer, std::as_writable_bytes(answer));
        got.value();
        std::printf("%s -> %.*s\n", word.data(), static_cast<int>(word.size()), buffer.data());
    }
    auto closed = co_await peer.close_writing();  // the child sees the end of its input
    closed.value();
    auto status = co_await peer.exited();
    std::printf("the child exited with %d\n", status.value().code);
    co_return 0;
}

}  // namespace

int main(int argc, char**) { return conduit::run(argc > 1 ? run_child() : run_parent()); }
