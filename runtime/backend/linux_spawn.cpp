// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/linux_spawn.hpp>
#include <conduit/runtime/backend/quiet_thread.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace conduit::linux_processes {
namespace {

using part = spawn_failure::part;

std::error_code last_error() noexcept { return error_from_kernel(errno); }

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

/// Never waits, not even for the other side of a FIFO; what is read or written later does.
unique_fd open_for_child(const spawn_request::file& asked) {
    using use = enum spawn_request::file::use;
    const int flags = asked.use == use::read        ? O_RDONLY
                      : asked.use == use::write_new ? O_WRONLY | O_CREAT | O_TRUNC
                                                    : O_WRONLY | O_CREAT | O_APPEND;
    unique_fd opened(::open(asked.path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (opened && !make_blocking(opened)) opened.reset();
    return opened;
}

/// What posix_spawn() is told; frees it again.
class spawn_plan {
public:
    spawn_plan() noexcept {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    spawn_plan(const spawn_plan&) = delete;
    ~spawn_plan() {
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&actions);
    }

    int prepare(const spawn_request& program, spawn_failure& why) {
        reset_signals(program);
        for (const auto& [from, to] : program.handles) last_ = std::max(last_, to);
        for (const auto& file : program.files) last_ = std::max(last_, file.number);
        if (const int error = enter_folder(program.working_folder)) {
            why.what = part::working_folder;
            return error;
        }
        for (const auto& file : program.files) {
            const unique_fd opened = open_for_child(file);
            if (!opened) return failed(why, part::file, file.number, errno);
            if (const int error = pass(opened.handle(), file.number)) {
                return failed(why, part::file, file.number, error);
            }
        }
        for (const auto& [from, to] : program.handles) {
            if (const int error = pass(from, to)) return failed(why, part::handle, to, error);
        }
        if (program.errors_to_output) {
            if (const int error = ::posix_spawn_file_actions_adddup2(&actions, 1, 2)) return error;
        }
        return close_others();
    }

    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

private:
    static int failed(spawn_failure& why, part what, int number, int error) noexcept {
        why.what = what;
        why.number = number;
        return error;
    }

    void reset_signals(const spawn_request& program) noexcept {
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
        if (program.leads_group) flags |= POSIX_SPAWN_SETPGROUP;
        ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
    }

    /// Opened by this process, so that a folder that is missing is not taken for the program.
    int enter_folder(const std::string& folder) {
        if (folder.empty()) return 0;
        const unique_fd opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!opened || ::faccessat(opened.handle(), ".", X_OK, AT_EACCESS) != 0) return errno;
        if (const int error = keep_copy(opened.handle())) return error;
        return ::posix_spawn_file_actions_addfchdir_np(&actions, copies_.back().handle());
    }

    /// Above all numbers that the child will use, so that none is in another's way; the exec closes
    /// it.
    int keep_copy(int handle) {
        copies_.emplace_back(::fcntl(handle, F_DUPFD_CLOEXEC, last_ + 1));
        return copies_.back() ? 0 : errno;
    }
    int pass(int handle, int number) {
        if (const int error = keep_copy(handle)) return error;
        passed_.push_back(number);
        return ::posix_spawn_file_actions_adddup2(&actions, copies_.back().handle(), number);
    }
    int close_others() {
        for (int number = 3; number <= last_; ++number) {
            if (std::find(passed_.begin(), passed_.end(), number) != passed_.end()) continue;
            if (const int error = ::posix_spawn_file_actions_addclose(&actions, number)) {
                return error;
            }
        }
        return ::posix_spawn_file_actions_addclosefrom_np(&actions, last_ + 1);
    }

    int last_ = 2;
    std::vector<int> passed_;
    std::vector<unique_fd> copies_;
};

/// Where `name` may lie. An entry of PATH that is not absolute, such as an empty one, is passed
/// over: what it means depends on the folder that somebody happens to be in.
std::vector<std::string> candidates(const std::string& name,
                                    const std::vector<std::string>& environment) {
    if (name.empty() || name.find('/') != std::string::npos) return {name};
    std::string_view entries = "/usr/local/bin:/usr/bin:/bin";
    for (const std::string& each : environment) {
        if (each.starts_with("PATH=")) entries = std::string_view(each).substr(5);
    }
    std::vector<std::string> found;
    while (!entries.empty()) {
        const std::string_view entry = entries.substr(0, entries.find(':'));
        if (entry.starts_with('/')) found.push_back(std::string(entry) + "/" + name);
        entries.remove_prefix(std::min(entry.size() + 1, entries.size()));
    }
    return found;
}

/// Tries each candidate, and goes on where that one is missing or forbidden.
int execute(const spawn_request& program, const spawn_plan& plan, pid_t& pid) {
    const std::vector<char*> arguments = pointers_to(program.arguments);
    const std::vector<char*> environment = pointers_to(program.environment);
    const std::vector<std::string> paths = candidates(program.path, program.environment);
    int refused = ENOENT;
    for (const std::string& path : paths) {
        if (paths.size() > 1 && ::access(path.c_str(), F_OK) != 0) continue;
        const int error = ::posix_spawn(&pid, path.c_str(), &plan.actions, &plan.attributes,
                                        arguments.data(), environment.data());
        if (error == 0) return 0;
        if (error != ENOENT && error != ENOTDIR && error != EACCES) return error;
        if (error == EACCES || paths.size() == 1) refused = error;
    }
    return refused;
}

/// The flag is the thread's and stays, and children have what the thread has that starts them.
int execute_without_privileges(const spawn_request& program, const spawn_plan& plan, pid_t& pid) {
    int error = 0;
    try {
        start_quiet_thread([&] {
            error =
                ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? execute(program, plan, pid) : errno;
        }).join();
    } catch (const std::system_error& no_thread) {
        return no_thread.code().value();
    }
    return error;
}

/// Ends a child that nobody has heard of yet, so that its number is still its own.
void kill_and_reap(pid_t child) noexcept {
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

bool was_waited_for(const unique_fd& child) noexcept {
    siginfo_t about{};
    return ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(child.handle()), &about,
                    WEXITED | WNOHANG | WNOWAIT) != 0;
}

}  // namespace

result<spawned_process> spawn(const spawn_request& program, spawn_failure& why) {
    spawn_plan plan;
    if (const int error = plan.prepare(program, why)) return error_from_kernel(error);
    why.what = part::program;
    spawned_process child;
    const int error = program.no_new_privileges
                          ? execute_without_privileges(program, plan, child.pid)
                          : execute(program, plan, child.pid);
    if (error != 0) return error_from_kernel(error);
    child.handle = unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
    if (!child.handle) {
        const std::error_code unwatched = last_error();
        // Where SIGCHLD is ignored it can be gone already, and its number another one's.
        if (unwatched != std::errc::no_such_process) kill_and_reap(child.pid);
        return unwatched;
    }
    return child;
}

result<void> signal_group(const spawned_process& leader, int signal) {
    constexpr unsigned to_group = 1U << 2U;  // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9
    const int fd = leader.handle.handle();
    if (::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, to_group) == 0) return {};
    if (errno != EINVAL) return last_error();
    if (was_waited_for(leader.handle)) return std::make_error_code(std::errc::no_such_process);
    if (::kill(-leader.pid, signal) != 0) return last_error();
    return {};
}

void reap(const unique_fd& process) noexcept {
    siginfo_t about{};
    while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.handle()), &about,
                    WEXITED) != 0 &&
           errno == EINTR) {
    }
}

std::vector<std::string> environment() {
    std::vector<std::string> all;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each)
        all.emplace_back(*each);
    return all;
}

result<void> make_blocking(const unique_fd& handle) {
    const int flags = ::fcntl(handle.handle(), F_GETFL);
    if (flags < 0) return last_error();
    if ((flags & O_NONBLOCK) == 0) return {};
    if (::fcntl(handle.handle(), F_SETFL, flags & ~O_NONBLOCK) != 0) return last_error();
    return {};
}

result<unique_fd> make_memory_file(std::span<const std::byte> bytes) {
    unique_fd file(::memfd_create("conduit", MFD_CLOEXEC));
    if (!file) return last_error();
    std::span<const std::byte> left = bytes;
    while (!left.empty()) {
        const ssize_t n = ::write(file.handle(), left.data(), left.size());
        if (n < 0 && errno != EINTR) return last_error();
        if (n > 0) left = left.subspan(static_cast<std::size_t>(n));
    }
    if (::lseek(file.handle(), 0, SEEK_SET) != 0) return last_error();
    return file;
}

}  // namespace conduit::linux_processes
