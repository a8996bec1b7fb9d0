// SPDX-License-Identifier: BSL-1.0
//
// Which process and which user: what the Linux kernel's half of the seam says of them.

#include <conduit/runtime/backend/kernel.hpp>

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/temp_dir.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>

using namespace conduit;

namespace {

constexpr int exit_refused = 77;

/// Waits until it has ended, and leaves it as a zombie.
void wait_for_end(const test::child_process& child) {
    while (!child.has_ended()) {
    }
}

/// Whether the process of the first argument began at the second, as seen from a time namespace
/// whose clock is far ahead. It begins with the next process.
int compare_from_later(const test::helper_arguments& given) {
    constexpr int clone_new_time = 0x80;  // linux/sched.h has it, beside what is in sched.h
    if (::unshare(clone_new_time) != 0) return exit_refused;
    if (!(std::ofstream("/proc/self/timens_offsets") << "boottime 200000 0" << std::flush))
        return 2;
    const pid_t inside = ::fork();
    if (inside == 0) {
        timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        const auto seen = linux_kernel().identity_of(std::stoi(given.at(0)));
        if (now.tv_sec < 200'000 || !seen) ::_exit(3);
        ::_exit(seen->start_time == std::stoull(given.at(1)) ? 0 : 1);
    }
    int ended = 0;
    if (::waitpid(inside, &ended, 0) != inside || !WIFEXITED(ended)) return 4;
    return WEXITSTATUS(ended);
}

const test::helper compares("compares from a later time namespace", compare_from_later);

}  // namespace

TEST_CASE("a process began when it did, whichever time namespace looks", "[runtime][kernel]") {
    const auto own = linux_kernel().identity_of(::getpid()).value();
    auto later =
        test::child_process::helper("compares from a later time namespace",
                                    {std::to_string(::getpid()), std::to_string(own.start_time)});
    const int code = later.wait().code;
    if (code == exit_refused) return test::skip("time namespaces are refused here");
    REQUIRE(code == 0);
}

TEST_CASE("a process is told from all others by its boot and its beginning", "[runtime][kernel]") {
    const auto own = linux_kernel().identity_of(::getpid()).value();
    const auto again = linux_kernel().identity_of(::getpid()).value();
    const auto first = linux_kernel().identity_of(1).value();
    const auto boot = linux_kernel().identity_of(0).value();
    const auto nobody = linux_kernel().identity_of(std::numeric_limits<std::int32_t>::max());
    REQUIRE(own.start_time == again.start_time);
    REQUIRE(own.boot == again.boot);
    REQUIRE(own.boot == first.boot);
    REQUIRE(own.boot == boot.boot);
    REQUIRE(own.boot != process_identity().boot);
    REQUIRE(first.start_time <= own.start_time);
    REQUIRE(boot.start_time == 0);
    REQUIRE(nobody.error() == std::errc::no_such_process);
}

TEST_CASE("how a process has ended is said while nobody has waited for it", "[runtime][kernel]") {
    auto killed = test::child_process::shell("kill -KILL $$");
    auto failed = test::child_process::shell("exit 7");
    const auto running = test::child_process::shell("exec sleep 1000");
    wait_for_end(killed);
    wait_for_end(failed);
    const auto by_signal = linux_kernel().how_ended(killed.handle(), killed.pid());
    const auto by_code = linux_kernel().how_ended(failed.handle(), failed.pid());
    const auto not_yet = linux_kernel().how_ended(running.handle(), running.pid());
    REQUIRE(by_signal.value().signal == SIGKILL);
    REQUIRE(by_code.value().signal == 0);
    REQUIRE(by_code.value().code == 7);
    REQUIRE(not_yet.error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("how a process has ended is said afterwards where the kernel keeps it",
          "[runtime][kernel]") {
    auto failed = test::child_process::shell("exit 7");
    const std::int32_t pid = failed.pid();
    const unique_fd handle = linux_kernel().duplicate(failed.handle()).value();
    static_cast<void>(failed.wait());
    const auto after = linux_kernel().how_ended(handle, pid);
    if (!after) return test::skip("this kernel (before 6.15) keeps no exit status");
    REQUIRE(after->code == 7);
}

TEST_CASE("users and groups are found by name", "[runtime][kernel]") {
    const auto root = linux_kernel().user_named("root");
    const auto unknown = linux_kernel().user_named("no such user");
    const auto roots = linux_kernel().members_of("root");
    const auto no_group = linux_kernel().members_of("no such group");
    REQUIRE(root.value() == 0);
    REQUIRE(unknown.error() == std::errc::invalid_argument);
    REQUIRE(std::count(roots.value().begin(), roots.value().end(), 0U) == 1);
    REQUIRE(no_group.error() == std::errc::invalid_argument);
}

TEST_CASE("files and folders are made durable, links are not followed", "[runtime][kernel]") {
    const test::temp_dir folder;
    std::ofstream(folder.path("file")) << "bytes";
    REQUIRE(::symlink("file", folder.path("link").c_str()) == 0);
    REQUIRE(linux_kernel().make_durable(folder.path("file")));
    REQUIRE(linux_kernel().make_durable(folder.path()));
    REQUIRE_FALSE(linux_kernel().make_durable(folder.path("link")));
    REQUIRE(linux_kernel().make_durable(folder.path("none")).error() ==
            std::errc::no_such_file_or_directory);
}
