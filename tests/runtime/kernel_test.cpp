// SPDX-License-Identifier: BSL-1.0
//
// What the Linux kernel's half of the seam promises where it fails.

#include <conduit/runtime/backend/kernel.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
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

TEST_CASE("a duplicate of a given descriptor shares its flags and its position",
          "[runtime][kernel]") {
    const unique_fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    std::array<std::byte, 4> buffer{};
    {
        auto twin = linux_kernel().duplicate_native(file.handle());
        auto read = linux_kernel().read_file(twin->handle(), buffer, disk_wait::allowed);
        REQUIRE(read.value() == 4);
        REQUIRE((::fcntl(twin->handle(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    auto none = linux_kernel().duplicate_native(9999);
    REQUIRE(::lseek(file.handle(), 0, SEEK_CUR) == 4);
    REQUIRE(none.error() == std::errc::bad_file_descriptor);
}

TEST_CASE("a file's bytes in memory are read without a wait", "[runtime][kernel]") {
    const test::temp_dir folder;
    const std::string path = folder.path() + "/file";
    std::ofstream(path) << "cached";
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<std::byte, 16> buffer{};
    auto at_once = linux_kernel().read_file(file.handle(), buffer, disk_wait::refused);
    if (at_once.error() == std::errc::resource_unavailable_try_again) {
        return test::skip("this file system cannot say what is in memory");
    }
    auto end = linux_kernel().read_file(file.handle(), buffer, disk_wait::refused);
    REQUIRE(at_once.value() == 6);
    REQUIRE(end.value() == 0);
}

TEST_CASE("what a file system cannot tell may have to wait", "[runtime][kernel]") {
    const unique_fd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    std::array<std::byte, 16> buffer{};
    auto refused = linux_kernel().read_file(file.handle(), buffer, disk_wait::refused);
    auto allowed = linux_kernel().read_file(file.handle(), buffer, disk_wait::allowed);
    REQUIRE(refused.error() == std::errc::resource_unavailable_try_again);
    REQUIRE(allowed.value() == 16);
}
