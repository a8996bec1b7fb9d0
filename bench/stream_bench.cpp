// SPDX-License-Identifier: BSL-1.0
//
// stream.pingpong through channels: 64 bytes to another process and back. The floor is
// bench/raw/pingpong.c; both ends run on one core when the caller says so (taskset).
//
//     taskset -c 1 stream_bench epoll|uring pipe|fifo|unix|tcp [round trips]

#include <conduit/channels/fifo_reader.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include "raw/raw.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
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

using conduit::task;
using conduit::unique_fd;

template <class Channel>
Channel adopted(int fd) {
    return Channel::adopt(unique_fd(fd)).value();
}
template <>
conduit::fifo_reader adopted(int fd) {
    return conduit::fifo_reader::adopt(unique_fd(fd), "").value();
}
template <>
conduit::fifo_writer adopted(int fd) {
    return conduit::fifo_writer::adopt(unique_fd(fd), "").value();
}

/// One end of two one-way channels.
template <class Reader, class Writer>
struct two_channels {
    explicit two_channels(const end& fds)
        : in(adopted<Reader>(fds.in)), out(adopted<Writer>(fds.out)) {}

    Reader in;
    Writer out;
};

/// One end of a channel that goes both ways.
template <class Stream>
struct one_channel {
    explicit one_channel(const end& fds) : in(adopted<Stream>(fds.in)) {}

    Stream in;
    Stream& out = in;
};

template <class Ends>
struct player {
    explicit player(const end& fds) : ends(fds) {}

    std::span<const std::byte> message() noexcept { return std::span(buffer).first(message_bytes); }

    Ends ends;
    std::array<std::byte, 4096> buffer{};
};

void expect_message(const conduit::result<std::size_t>& moved) {
    if (moved.value() != message_bytes) throw std::runtime_error("a transfer was short");
}

template <class Ends>
task<> exchange(player<Ends>& p, long rounds) {
    for (long i = 0; i < rounds; ++i) {
        auto sent = co_await p.ends.out.write_some(p.message());
        expect_message(sent);
        auto got = co_await p.ends.in.read_some(p.buffer);
        expect_message(got);
    }
}

template <class Ends>
task<> answer(end fds, long rounds) {
    player<Ends> p(fds);
    for (long i = 0; i < rounds; ++i) {
        auto got = co_await p.ends.in.read_some(p.buffer);
        expect_message(got);
        auto sent = co_await p.ends.out.write_some(p.message());
        expect_message(sent);
    }
}

/// Yields the seconds that `rounds` round trips took, after a warm-up.
template <class Ends>
task<double> measure(end fds, long warm_up, long rounds) {
    player<Ends> p(fds);
    co_await exchange(p, warm_up);
    const double start = wall_seconds();
    co_await exchange(p, rounds);
    co_return wall_seconds() - start;
}

/// What is played with: the two tasks, for the ends of one kind.
struct game {
    std::string_view kind;
    task<double> (*measure)(end fds, long warm_up, long rounds);
    task<> (*answer)(end fds, long rounds);
};

template <class Ends>
constexpr game game_of(std::string_view kind) {
    return {kind, measure<Ends>, answer<Ends>};
}

constexpr std::array games = {
    game_of<two_channels<conduit::pipe_reader, conduit::pipe_writer>>("pipe"),
    game_of<two_channels<conduit::fifo_reader, conduit::fifo_writer>>("fifo"),
    game_of<one_channel<conduit::unix_stream>>("unix"),
    game_of<one_channel<conduit::tcp_stream>>("tcp"),
};

void make_non_blocking(const end& fds) {
    for (const int fd : {fds.in, fds.out}) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

conduit::scheduler_options on(std::string_view backend) {
    return conduit::scheduler_options().backend(backend == "uring" ? conduit::backend_kind::uring
                                                                   : conduit::backend_kind::epoll);
}

/// The other process. Nothing of the first one's scheduler exists yet when it is made.
int run_answerer(std::string_view backend, task<> answering, std::uint64_t& calls) {
    conduit::scheduler sched(on(backend));
    sched.run(std::move(answering));
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

int play(const std::string& backend, const game& played, long rounds) {
    const std::string kind(played.kind);
    const long warm_up = rounds / 20 + 1;
    end here{};
    end there{};
    make_pair(kind.c_str(), &here, &there);
    make_non_blocking(here);
    make_non_blocking(there);
    std::uint64_t& calls = shared_number();
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(run_answerer(backend, played.answer(there, warm_up + rounds), calls));
    }
    conduit::scheduler sched(on(backend));
    const double wall = sched.run(played.measure(here, warm_up, rounds));
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
    const std::string_view kind = argc > 2 ? argv[2] : "";
    const long rounds = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 100000;
    const auto* played = std::find_if(games.begin(), games.end(),
                                      [&](const game& each) { return each.kind == kind; });
    if ((backend != "epoll" && backend != "uring") || played == games.end()) {
        std::cerr << "usage: stream_bench epoll|uring pipe|fifo|unix|tcp [round trips]\n";
        return 2;
    }
    try {
        const conduit::scheduler probe(on(backend));
    } catch (const std::system_error& why) {
        std::cerr << why.what() << '\n';
        return 3;
    }
    return play(backend, *played, rounds);
}
