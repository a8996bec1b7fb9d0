// SPDX-License-Identifier: BSL-1.0
//
// What wall_clock.hpp loads into a program before its libraries: the C library's wall clocks, off
// by what a file says. The monotonic clocks stay what they are.
//
// It sees what is asked by way of the C library, so not a timestamp that the kernel makes itself.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using seconds_off = std::atomic<std::int64_t>;
static_assert(sizeof(seconds_off) == sizeof(std::int64_t) && seconds_off::is_always_lock_free);

const seconds_off* opened() noexcept {
    const char* const path = std::getenv("CONDUIT_WALL_CLOCK");
    if (path == nullptr) return nullptr;
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* const there = ::mmap(nullptr, sizeof(seconds_off), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return there == MAP_FAILED ? nullptr : static_cast<const seconds_off*>(there);
}

std::int64_t seconds_to_add() noexcept {
    static const seconds_off* const file = opened();
    return file == nullptr ? 0 : file->load();
}

bool is_wall_clock(clockid_t which) noexcept {
    return which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE || which == CLOCK_TAI;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* now) noexcept {
    const long done = ::syscall(SYS_clock_gettime, which, now);
    if (done == 0 && is_wall_clock(which)) now->tv_sec += seconds_to_add();
    return static_cast<int>(done);
}

int gettimeofday(timeval* now, void* /*zone*/) noexcept {
    timespec exact{};
    const int done = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return done;
}

int timespec_get(timespec* now, int base) noexcept {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

time_t time(time_t* also) noexcept {
    timespec exact{};
    clock_gettime(CLOCK_REALTIME, &exact);
    if (also != nullptr) *also = exact.tv_sec;
    return exact.tv_sec;
}

}  // extern "C"
