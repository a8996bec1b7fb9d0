// SPDX-License-Identifier: BSL-1.0
#include "dies.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <cstddef>

namespace conduit::test {
namespace {

[[noreturn]] void run_in_child(void (*function)(), int stderr_writer) {
    ::dup2(stderr_writer, STDERR_FILENO);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    try {
        function();
    } catch (...) {
        ::_exit(2);
    }
    ::_exit(0);
}

std::string read_to_end(int reader) {
    std::string text;
    std::array<char, 512> part{};
    for (;;) {
        const ssize_t n = ::read(reader, part.data(), part.size());
        if (n <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace

std::string stderr_of_death(void (*function)()) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) run_in_child(function, ends[1]);
    ::close(ends[1]);
    std::string said = read_to_end(ends[0]);
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO("it said: " << said);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGABRT);
    return said;
}

}  // namespace conduit::test
