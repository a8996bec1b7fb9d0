// SPDX-License-Identifier: BSL-1.0
//
// stream.pingpong through operations on a handle: 64 bytes to another process and back. The floor
// is bench/raw/pingpong.c; both ends run on one core when the caller says so (taskset).
//
//     taskset -c 1 stream_bench epoll|uring pipe|unix [round trips]

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include "raw/raw.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

using conduit::io_handle;
using conduit::task;

/// One end: a handle to read from and one to write to, the same one for a socket.
class player {
public:
    explicit player(const end& fds) : in_(attached(fds.in)) {
        if (fds.out != fds.in) out_ = attached(fds.out);
    }

    io_handle& in() noexcept { return in_; }
    io_handle& out() noexcept { return out_ ? out_ : in_; }
    std::span<std::byte> buffer() noexcept { return buffer_; }
    std::span<const std::byte> message() noexcept { return buffer().first(message_bytes); }

private:
    static io_handle attached(int fd) { return io_handle::attach(conduit::unique_fd(fd)).value(); }

    io_handle in_;
    io_handle out_;
    std::array<std::byte, 4096> buffer_{};
};

void expect_message(const conduit::result<std::size_t>& moved) {
    if (moved.value() != message_bytes) throw std::runtime_error("a transfer was short");
}

task<> exchange(player& p, long rounds) {
    for (long i = 0; i < rounds; ++i) {
        auto sent = co_await p.out().write_some(p.message());
        expect_message(sent);
        auto got = co_await p.in().read_some(p.buffer());
        expect_message(got);
    }
}

task<> answer(end fds, long rounds) {
    player p(fds);
    for (long i = 0; i < rounds; ++i) {
        auto got = co_await p.in().read_some(p.buffer());
        expect_message(got);
        auto sent = co_await p.out().write_some(p.message());
        expect_message(sent);
    }
}

/// Yields the seconds that `rounds` round trips took, after a warm-up.
task<double> measure(end fds, long warm_up, long rounds) {
    player p(fds);
    co_await exchange(p, warm_up);
    const double start = wall_seconds();
    co_await exchange(p, rounds);
    co_return wall_seconds() - start;
}

void make_non_blocking(const end& fds) {
    for (const int fd : {fds.in, fds.out}) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

conduit::scheduler_options on(std::string_view backend) {
    return conduit::scheduler_options().backend(backend == "uring" ? conduit::backend_kind::uring
                                                                   : conduit::backend_kind::epoll);
}

/// The other process. Nothing of the first one's scheduler exists yet when it is made.
int run_answerer(std::string_view backend, const end& fds, long rounds, std::uint64_t& calls) {
    conduit::scheduler sched(on(backend));
    sched.run(answer(fds, rounds));
    calls = sched.counters().system_calls.value();
    return 0;
}

/// A number that a child process may write.
std::uint64_t& shared_number() {
    void* memory = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return *new (memory) std::uint64_t(0);
}

int play(const std::string& backend, const std::string& kind, long rounds) {
    const long warm_up = rounds / 20 + 1;
    end here{};
    end there{};
    kind == "pipe" ? make_pipe_pair(&here, &there) : make_unix_pair(&here, &there);
    make_non_blocking(here);
    make_non_blocking(there);
    std::uint64_t& calls = shared_number();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(run_answerer(backend, there, warm_up + rounds, calls));
    conduit::scheduler sched(on(backend));
    const double wall = sched.run(measure(here, warm_up, rounds));
    int status = 0;
    ::waitpid(child, &status, 0);
    const auto all = static_cast<double>(warm_up + rounds);
    const double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    const std::string name = "stream.pingpong." + kind + "/conduit_" + backend;
    calls += sched.counters().system_calls.value();
    report(name.c_str(), wall / static_cast<double>(rounds) * 1e6, cpu / all * 1e6,
           static_cast<double>(calls) / all);
    return status == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string backend = argc > 2 ? argv[1] : "";
    const std::string kind = argc > 2 ? argv[2] : "";
    const long rounds = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 100000;
    if ((backend != "epoll" && backend != "uring") || (kind != "pipe" && kind != "unix")) {
        std::cerr << "usage: stream_bench epoll|uring pipe|unix [round trips]\n";
        return 2;
    }
    try {
        const conduit::scheduler probe(on(backend));
    } catch (const std::system_error& why) {
        std::cerr << why.what() << '\n';
        return 3;
    }
    return play(backend, kind, rounds);
}
