// SPDX-License-Identifier: BSL-1.0
//
// What the Linux kernel's half of the seam promises where it fails.

#include <conduit/runtime/backend/kernel.hpp>

#include "../support/co_test.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

using namespace conduit;

namespace {

/// While it lives, no descriptor is free; a child that inherits none of them has some.
class descriptors_in_use {
public:
    descriptors_in_use() {
        for (int i = 0; i < 32; ++i) held_.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 3));
        const unique_fd lowest_free(::fcntl(0, F_DUPFD_CLOEXEC, 0));
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit full = before_;
        full.rlim_cur = static_cast<rlim_t>(lowest_free.handle());
        ::setrlimit(RLIMIT_NOFILE, &full);
    }
    descriptors_in_use(const descriptors_in_use&) = delete;
    ~descriptors_in_use() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    std::vector<unique_fd> held_;
    rlimit before_{};
};

}  // namespace

TEST_CASE("a program that cannot be watched does not go on running", "[runtime][kernel]") {
    spawn_request program;
    program.path = "sleep";
    program.arguments = {"sleep", "1000"};
    const int descriptors = test::open_descriptors();
    std::error_code why;
    {
        const descriptors_in_use none_free;
        why = linux_kernel().spawn(program).error();
    }
    const pid_t left = ::waitpid(-1, nullptr, WNOHANG);
    const int reason = errno;
    REQUIRE(why == std::errc::too_many_files_open);
    REQUIRE(left == -1);
    REQUIRE(reason == ECHILD);
    REQUIRE(test::open_descriptors() == descriptors);
}
