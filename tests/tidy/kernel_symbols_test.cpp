// SPDX-License-Identifier: BSL-1.0
//
// Above the seam nothing calls the kernel, the clock or the random device. The text rules see most
// of it; this looks at what the linker sees: the undefined symbols of every object of the library
// that does not lie in backend/.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

// Not `syscall`: the standard library's headers wait for atomics with it.
constexpr auto kernel_calls = std::to_array<std::string_view>({"accept",
                                                               "accept4",
                                                               "arc4random",
                                                               "bind",
                                                               "chmod",
                                                               "clock_gettime",
                                                               "clock_nanosleep",
                                                               "close",
                                                               "connect",
                                                               "copy_file_range",
                                                               "dup",
                                                               "dup2",
                                                               "dup3",
                                                               "epoll_create1",
                                                               "epoll_ctl",
                                                               "epoll_pwait",
                                                               "epoll_pwait2",
                                                               "epoll_wait",
                                                               "eventfd",
                                                               "execve",
                                                               "execvp",
                                                               "execvpe",
                                                               "fallocate64",
                                                               "fchmod",
                                                               "fcntl",
                                                               "fcntl64",
                                                               "flock",
                                                               "fork",
                                                               "fstat",
                                                               "fstat64",
                                                               "fsync",
                                                               "ftruncate64",
                                                               "getaddrinfo",
                                                               "getdents64",
                                                               "getentropy",
                                                               "getenv",
                                                               "geteuid",
                                                               "getpeername",
                                                               "getpid",
                                                               "getrandom",
                                                               "getsockname",
                                                               "getsockopt",
                                                               "gettimeofday",
                                                               "getuid",
                                                               "io_uring_enter",
                                                               "ioctl",
                                                               "kill",
                                                               "link",
                                                               "listen",
                                                               "lockf",
                                                               "lseek",
                                                               "lseek64",
                                                               "lstat64",
                                                               "memfd_create",
                                                               "mkdir",
                                                               "mkfifo",
                                                               "mknod",
                                                               "mmap",
                                                               "mmap64",
                                                               "munmap",
                                                               "nanosleep",
                                                               "open",
                                                               "open64",
                                                               "openat",
                                                               "openat64",
                                                               "pidfd_open",
                                                               "pipe",
                                                               "pipe2",
                                                               "poll",
                                                               "posix_spawn",
                                                               "posix_spawnp",
                                                               "ppoll",
                                                               "prctl",
                                                               "pread64",
                                                               "preadv64",
                                                               "pselect",
                                                               "pthread_sigmask",
                                                               "pwrite64",
                                                               "pwritev64",
                                                               "raise",
                                                               "rand",
                                                               "random",
                                                               "read",
                                                               "readv",
                                                               "recv",
                                                               "recvfrom",
                                                               "recvmmsg",
                                                               "recvmsg",
                                                               "rename",
                                                               "rmdir",
                                                               "secure_getenv",
                                                               "select",
                                                               "send",
                                                               "sendfile64",
                                                               "sendmsg",
                                                               "sendto",
                                                               "setsockopt",
                                                               "shutdown",
                                                               "sigaction",
                                                               "signal",
                                                               "signalfd",
                                                               "sigprocmask",
                                                               "sleep",
                                                               "socket",
                                                               "socketpair",
                                                               "splice",
                                                               "stat64",
                                                               "tee",
                                                               "time",
                                                               "unlink",
                                                               "usleep",
                                                               "utimensat",
                                                               "vfork",
                                                               "wait4",
                                                               "waitid",
                                                               "waitpid",
                                                               "write",
                                                               "writev"});

// What the standard library wraps them in, as the linker spells it.
constexpr std::array<std::string_view, 6> kernel_prefixes = {"_ZNSt6chrono3_V212steady_clock3now",
                                                             "_ZNSt6chrono3_V212system_clock3now",
                                                             "_ZNSt13random_device",
                                                             "_ZNSt10filesystem",
                                                             "timerfd_",
                                                             "io_uring_"};

bool is_kernel_call(std::string_view symbol) {
    const auto is = [&](std::string_view name) { return symbol == name; };
    return std::any_of(kernel_calls.begin(), kernel_calls.end(), is) ||
           std::any_of(kernel_prefixes.begin(), kernel_prefixes.end(),
                       [&](std::string_view prefix) { return symbol.starts_with(prefix); });
}

std::vector<std::string> undefined_symbols_of(const std::string& object) {
    const std::string command = std::string(CONDUIT_NM) + " -u --format=posix '" + object + "'";
    const std::unique_ptr<FILE, int (*)(FILE*)> out(popen(command.c_str(), "r"), pclose);
    if (!out) {
        throw std::runtime_error("cannot run " + command);
    }
    std::vector<std::string> symbols;
    std::array<char, 4096> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), out.get()) != nullptr) {
        const std::string_view text = line.data();
        symbols.emplace_back(text.substr(0, text.find_first_of(" @\n")));
    }
    return symbols;
}

// `object: symbol`, for each one.
std::vector<std::string> kernel_calls_of(const std::string& object) {
    std::vector<std::string> calls;
    for (const std::string& symbol : undefined_symbols_of(object)) {
        if (is_kernel_call(symbol)) {
            calls.push_back(object + ": " + symbol);
        }
    }
    return calls;
}

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty()) {
            lines.push_back(line);
        }
    }
    return lines;
}

}  // namespace

TEST_CASE("no object above the seam calls the kernel, the clock or the random device", "[tidy]") {
    const auto objects = lines_of(CONDUIT_LIBRARY_OBJECTS);
    REQUIRE_FALSE(objects.empty());
    std::vector<std::string> calls;
    for (const std::string& object : objects) {
        // Asio looks up names, and calls what it likes for it.
        const bool is_resolver = object.ends_with("/resolver.cpp.o") &&
                                 object.find("conduit_channels") != std::string::npos;
        if (object.find("/backend/") == std::string::npos && !is_resolver) {
            const auto own = kernel_calls_of(object);
            calls.insert(calls.end(), own.begin(), own.end());
        }
    }
    for (const std::string& call : calls) {
        std::cout << call << " belongs behind the seam, in runtime/backend/\n";
    }
    CHECK(calls.empty());
}

TEST_CASE("an object that calls the kernel is noticed", "[tidy]") {
    const auto objects = lines_of(CONDUIT_KERNEL_CALLER_OBJECTS);
    REQUIRE(objects.size() == 1);
    const auto calls = kernel_calls_of(objects[0]);
    const auto names = [&](const std::string& symbol) {
        return std::any_of(calls.begin(), calls.end(), [&](const std::string& call) {
            return call.starts_with(objects[0] + ": ") && call.find(symbol) != std::string::npos;
        });
    };
    CHECK(names("read"));
    CHECK(names("clock_gettime"));
    CHECK(names("steady_clock"));
    CHECK(names("random_device"));
    CHECK(names("getenv"));
    CHECK_FALSE(names("malloc"));
}
