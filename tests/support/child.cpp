// SPDX-License-Identifier: BSL-1.0
#include "child.hpp"

#include <conduit/runtime/scheduler.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>

namespace conduit::test {
namespace {

std::map<std::string, int (*)(const helper_arguments&)>& helpers() {
    static std::map<std::string, int (*)(const helper_arguments&)> registered;
    return registered;
}

void required(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::system_category(), what);
}

/// The listed descriptors, by way of copies above all their numbers; all others are closed.
void pass_descriptors(posix_spawn_file_actions_t& actions, const inherited_descriptors& descriptors,
                      std::vector<unique_fd>& copies) {
    int last = 2;
    for (const auto& [here, there] : descriptors) last = std::max(last, there);
    for (const auto& [here, there] : descriptors) {
        copies.emplace_back(::fcntl(here, F_DUPFD_CLOEXEC, last + 1));
        if (!copies.back()) required(errno, "fcntl");
        required(::posix_spawn_file_actions_adddup2(&actions, copies.back().handle(), there),
                 "adddup2");
    }
    required(::posix_spawn_file_actions_addclosefrom_np(&actions, last + 1), "addclosefrom");
}

pid_t started(const std::vector<std::string>& program, const inherited_descriptors& descriptors) {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::vector<unique_fd> copies;
    pass_descriptors(actions, descriptors, copies);
    std::vector<char*> arguments;
    for (const std::string& each : program) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    required(error, arguments[0]);
    return pid;
}

/// Waits for one change of state; interrupted waits go on.
siginfo_t await_change(pid_t pid, int options) {
    siginfo_t change{};
    int done = -1;
    do {
        done = ::waitid(P_PID, static_cast<id_t>(pid), &change, options);
    } while (done != 0 && errno == EINTR);
    if (done != 0) required(errno, "waitid");
    return change;
}

void signal_and_await(pid_t pid, int number, int options, int change) {
    if (::kill(pid, number) != 0) required(errno, "kill");
    const siginfo_t seen = await_change(pid, options);
    if (seen.si_code != change) throw std::runtime_error("the child ended instead");
}

}  // namespace

child_process::child_process(const std::vector<std::string>& program,
                             const inherited_descriptors& descriptors)
    : pid_(started(program, descriptors)),
      handle_(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))) {}

child_process child_process::shell(const std::string& script,
                                   const inherited_descriptors& descriptors) {
    return child_process({"/bin/sh", "-c", script}, descriptors);
}

child_process child_process::helper(const std::string& name,
                                    const std::vector<std::string>& arguments,
                                    const inherited_descriptors& descriptors) {
    std::vector<std::string> program = {std::filesystem::read_symlink("/proc/self/exe"), "--helper",
                                        name};
    program.insert(program.end(), arguments.begin(), arguments.end());
    return child_process(program, descriptors);
}

child_process::~child_process() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void child_process::signal(int number) const {
    REQUIRE(pid_ != 0);
    if (::kill(pid_, number) != 0) required(errno, "kill");
}

void child_process::stop() const { stop_child(pid_); }

void child_process::resume() const { resume_child(pid_); }

void child_process::kill() {
    signal(SIGKILL);
    wait();
}

exit_status child_process::wait() {
    REQUIRE(pid_ != 0);
    const siginfo_t change = await_change(std::exchange(pid_, 0), WEXITED);
    exit_status status;
    const bool has_exited = change.si_code == CLD_EXITED;
    status.signal = has_exited ? 0 : change.si_status;
    status.code = has_exited ? change.si_status : 128 + change.si_status;
    return status;
}

bool child_process::has_ended() const {
    return pid_ == 0 || await_change(pid_, WEXITED | WNOHANG | WNOWAIT).si_pid == pid_;
}

void stop_child(std::int32_t pid) {
    signal_and_await(pid, SIGSTOP, WSTOPPED | WEXITED | WNOWAIT, CLD_STOPPED);
}

void resume_child(std::int32_t pid) {
    signal_and_await(pid, SIGCONT, WCONTINUED | WEXITED | WNOWAIT, CLD_CONTINUED);
}

void needs_processes() {
    if (scheduler::current().backend_name() != "sim") return;
    throw std::system_error(std::make_error_code(std::errc::not_supported));
}

bool has_children() {
    siginfo_t ended{};
    return ::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

helper::helper(const char* name, int (*function)(const helper_arguments&)) {
    helpers()[name] = function;
}

int run_helper(const std::string& name, const helper_arguments& arguments) {
    const auto found = helpers().find(name);
    if (found == helpers().end()) throw std::runtime_error("there is no helper " + name);
    return found->second(arguments);
}

}  // namespace conduit::test
