// SPDX-License-Identifier: BSL-1.0
#include "tiny_tmpfs.hpp"

#include "../skip.hpp"
#include "child.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>

namespace conduit::test {
namespace {

constexpr int exit_code_of_skip = 77;

void required(int returned, const char* what) {
    if (returned != 0) throw std::system_error(errno, std::system_category(), what);
}

/// As root, or as one who is root in a user namespace where those are allowed.
void enter_mount_namespace() {
    if (::unshare(CLONE_NEWNS) != 0) {
        required(::unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare");
    }
    required(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount --make-private");
}

}  // namespace

tiny_tmpfs::tiny_tmpfs(const std::string& options)
    : path_((std::filesystem::temp_directory_path() / "conduit-XXXXXX").string()) {
    enter_mount_namespace();
    if (::mkdtemp(path_.data()) == nullptr) required(-1, "mkdtemp");
    if (::mount("none", path_.c_str(), "tmpfs", 0, options.c_str()) == 0) return;
    const int error = errno;
    ::rmdir(path_.c_str());
    throw std::system_error(error, std::system_category(), "mount");
}

tiny_tmpfs::~tiny_tmpfs() {
    ::umount2(path_.c_str(), MNT_DETACH);
    ::rmdir(path_.c_str());
}

void tiny_tmpfs::make_read_only() const {
    required(::mount("none", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), "remount");
}

int on_tiny_tmpfs(const std::string& options, const std::function<int(tiny_tmpfs&)>& body) {
    try {
        tiny_tmpfs place(options);
        try {
            return body(place);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "on a tiny tmpfs: %s\n", error.what());
            return 1;
        }
    } catch (const std::system_error& error) {
        std::fprintf(stderr, "no tiny tmpfs: %s\n", error.what());
        return exit_code_of_skip;
    }
}

void pass_helper(const std::string& name) {
    const exit_status ended = child_process::helper(name, {}).wait();
    INFO("helper " << name << ", signal " << ended.signal);
    if (ended.code == exit_code_of_skip) return skip("no tmpfs can be mounted here");
    REQUIRE(ended.signal == 0);
    REQUIRE(ended.code == 0);
    ran();
}

}  // namespace conduit::test
