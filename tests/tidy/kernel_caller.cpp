// SPDX-License-Identifier: BSL-1.0
//
// Calls all that code above the seam may not, so that kernel_symbols_test.cpp can find it. Never
// run.

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>

long call_the_kernel(int fd, char* buffer) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::random_device device;
    const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
    return read(fd, buffer, 1) + now.tv_sec + static_cast<long>(device()) + ticks +
           (std::getenv("HOME") != nullptr ? 1 : 0);
}
