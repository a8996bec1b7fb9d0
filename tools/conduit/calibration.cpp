// SPDX-License-Identifier: BSL-1.0
#include "calibration.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <array>
#include <cstdint>
#include <ctime>
#include <span>
#include <utility>
#include <vector>

namespace conduit::tool {
namespace {

using std::chrono::nanoseconds;

nanoseconds processor_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

task<> answer(unix_stream from) {
    unix_stream own = std::move(from);
    std::array<std::byte, 1> byte{};
    for (;;) {
        auto got = co_await own.read_some(byte);
        if (!got || *got == 0) co_return;
        auto sent = co_await own.write_some(byte);
        if (!sent) co_return;
    }
}

task<> ask(unix_stream over, clock::time_point until, std::uint64_t& rounds) {
    unix_stream own = std::move(over);
    std::array<std::byte, 1> byte{};
    while (clock::now() < until) {
        auto sent = co_await own.write_some(byte);
        auto got = co_await own.read_some(byte);
        if (!sent || !got) co_return;
        ++rounds;
    }
}

/// Processor time of a round trip.
task<nanoseconds> measure(std::size_t sockets, nanoseconds time) {
    std::uint64_t rounds = 0;
    task_scope scope;
    const nanoseconds before = processor_time();
    const clock::time_point until = clock::now() + time;
    for (std::size_t i = 0; i < sockets; ++i) {
        auto made = make_unix_pair();
        auto [here, there] = std::move(made.value());
        scope.spawn(answer(std::move(there)));
        scope.spawn(ask(std::move(here), until, rounds));
    }
    co_await scope.join();
    const nanoseconds used = processor_time() - before;
    co_return used / static_cast<std::int64_t>(rounds == 0 ? 1 : rounds);
}

}  // namespace

calibration calibrate(backend_kind backend, std::chrono::milliseconds time) {
    scheduler here(scheduler_options().backend(backend).stall_limit(nanoseconds::zero()));
    calibration measured;
    measured.one_at_a_time = here.run(measure(1, time / 2));
    measured.many_at_once = here.run(measure(calibration_sockets, time / 2));
    return measured;
}

}  // namespace conduit::tool
