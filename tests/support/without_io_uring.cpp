// SPDX-License-Identifier: BSL-1.0
//
// Runs a command where the kernel refuses io_uring, as containers do: with EPERM, as Docker's
// filter says, with ENOSYS, as an older kernel or a narrower filter does, with ENOMEM, as where
// little memory may be locked, or with EINVAL, as a kernel that knows none of the flags. Its exit
// code is the command's; 77, ctest's skip, where no filter may be installed.
//
//     conduit_without_io_uring EPERM -- conduit_tests "~[.]~[tidy]"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string_view>
#include <system_error>

namespace {

constexpr int exit_usage = 2;
constexpr int exit_skipped = 77;
constexpr int exit_not_run = 127;

// Where neither is true the filter is not known to mean what it should.
#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t architecture = 0;
#endif

struct refusal {
    std::string_view name;
    int error;
};
constexpr std::array refusals{refusal{"EPERM", EPERM}, refusal{"ENOSYS", ENOSYS},
                              refusal{"ENOMEM", ENOMEM}, refusal{"EINVAL", EINVAL}};

/// 0 where the name is none of them.
int error_named(std::string_view name) {
    for (const refusal& each : refusals) {
        if (each.name == name) return each.error;
    }
    return 0;
}

std::error_code last_error() { return {errno, std::generic_category()}; }

int skip(std::string_view why) {
    std::cout << "SKIPPED: io_uring cannot be forbidden here: " << why << std::endl;
    return exit_skipped;
}

/// From here on, and in what this process becomes. False, with errno, when it may not.
bool forbid_io_uring(int error) {
    static_assert(SYS_io_uring_enter == SYS_io_uring_setup + 1 &&
                  SYS_io_uring_register == SYS_io_uring_setup + 2);
    const auto refused = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
    // A jump skips so many instructions: the first number when it holds, else the second.
    std::array<sock_filter, 7> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, refused),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

bool is_refused_with(int error) {
    return ::syscall(SYS_io_uring_setup, 0, nullptr) == -1 && errno == error;
}

int usage(std::string_view wrong) {
    std::cerr << "conduit_without_io_uring: " << wrong
              << "\nusage: conduit_without_io_uring EPERM|ENOSYS|ENOMEM|EINVAL -- command "
                 "[argument]...\n";
    return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
    const int error = error_named(argc > 1 ? argv[1] : "");
    if (error == 0) return usage("with which error: EPERM, ENOSYS, ENOMEM or EINVAL?");
    if (argc < 3 || std::string_view(argv[2]) != "--") return usage("-- must follow the error");
    if (argc < 4) return usage("a command must follow --");
    if (architecture == 0) return skip("neither x86_64 nor aarch64");
    if (!forbid_io_uring(error)) return skip(last_error().message());
    if (!is_refused_with(error)) {
        std::cerr << "conduit_without_io_uring: the filter does not hold\n";
        return 1;
    }
    ::execvp(argv[3], argv + 3);
    std::cerr << "conduit_without_io_uring: " << argv[3] << ": " << last_error().message() << '\n';
    return exit_not_run;
}
