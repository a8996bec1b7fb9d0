// SPDX-License-Identifier: BSL-1.0
//
// pipe.throughput and copy.pipe on conduit: blocks of 64 KiB through a pipe, and copy() between two
// pipes. The floor is bench/raw/flow.c; bench/raw/flow.h measures both.
//
//     flow_bench epoll|uring pipe|copy [blocks]

#include <conduit/channels/copy.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include "raw/flow.h"

#include <cstddef>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using conduit::backend_kind;
using conduit::pipe_reader;
using conduit::pipe_writer;
using conduit::task;

conduit::unique_fd non_blocking(int fd) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return conduit::unique_fd(fd);
}

task<> write_blocks(int fd, long blocks) {
    auto out = pipe_writer::adopt(non_blocking(fd)).value();
    const std::vector<std::byte> block(block_bytes);
    const std::span<const std::byte> bytes(block);
    for (long i = 0; i < blocks; ++i) {
        auto written = co_await conduit::write_all(out, bytes);
        written.value();
    }
}

task<> read_blocks(int fd) {
    auto in = pipe_reader::adopt(non_blocking(fd)).value();
    std::vector<std::byte> block(block_bytes);
    for (;;) {
        auto got = co_await in.read_some(block);
        if (got.value() == 0) co_return;
    }
}

task<> copy_blocks(int from, int to) {
    auto in = pipe_reader::adopt(non_blocking(from)).value();
    auto out = pipe_writer::adopt(non_blocking(to)).value();
    auto moved = co_await conduit::copy(in, out);
    moved.value();
}

template <backend_kind kind>
void run(task<> work) {
    conduit::scheduler(conduit::scheduler_options().backend(kind)).run(std::move(work));
}

template <backend_kind kind>
constexpr flow on_conduit = {
    [](int out, long blocks) { run<kind>(write_blocks(out, blocks)); },
    [](int in, int out) { run<kind>(copy_blocks(in, out)); },
    [](int in) { run<kind>(read_blocks(in)); },
};

}  // namespace

int main(int argc, char** argv) try {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    if (backend == "epoll") {
        return run_flow("conduit_epoll", &on_conduit<backend_kind::epoll>, argc - 1, argv + 1);
    }
    if (backend == "uring") {
        return run_flow("conduit_uring", &on_conduit<backend_kind::uring>, argc - 1, argv + 1);
    }
    std::cerr << "usage: flow_bench epoll|uring pipe|copy [blocks]\n";
    return 2;
} catch (const std::exception& why) {
    std::cerr << "flow_bench: " << why.what() << '\n';
    return 1;
}
