// SPDX-License-Identifier: BSL-1.0
//
// Processes to be killed, stopped and continued by a test: a shell script, or a function of this
// test program that runs in a fresh process of its own (no fork, so no scheduler is inherited).
// Every change of state is waited for in the kernel, never slept for.
//
//     const test::helper reads_slowly("reads slowly", [](const test::helper_arguments& given) {
//         ...                                  // fd 3 is what the test passed as 3
//         return 0;                            // the exit code
//     });
//
//     test::child_process peer = test::child_process::helper("reads slowly", {"16"}, {{fd, 3}});
//     peer.stop();                             // SIGSTOP; it has stopped when this returns
//     peer.resume();
//     peer.kill();                             // SIGKILL; it has been reaped when this returns

#pragma once

#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

/// Pairs of a descriptor here and its number there. Others than 0, 1 and 2 are not inherited.
using inherited_descriptors = std::vector<std::pair<int, int>>;

/// Owns a child; kills and reaps it when destroyed. All that it waits for blocks the thread, so
/// wait() only for what needs no task of this process to go on.
class child_process {
public:
    /// `program` is a path with a slash, followed by its arguments.
    explicit child_process(const std::vector<std::string>& program,
                           const inherited_descriptors& descriptors = {});
    /// Runs `script` by /bin/sh.
    static child_process shell(const std::string& script,
                               const inherited_descriptors& descriptors = {});
    /// Runs the helper of that name in a new process of this program.
    static child_process helper(const std::string& name, const std::vector<std::string>& arguments,
                                const inherited_descriptors& descriptors = {});

    child_process(child_process&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)), handle_(std::move(other.handle_)) {}
    child_process& operator=(child_process&& other) = delete;
    ~child_process();

    std::int32_t pid() const noexcept { return pid_; }
    /// A pidfd: readable once it has ended.
    const unique_fd& handle() const noexcept { return handle_; }

    void signal(int number) const;
    void stop() const;
    void resume() const;
    /// SIGKILL, and reaps it.
    void kill();
    /// Waits for its end and reaps it. Where a signal ended it there is a code as well, that of
    /// shells: a child that crashed is none that ended with 0.
    exit_status wait();
    /// Whether it has ended, without reaping it.
    bool has_ended() const;

private:
    std::int32_t pid_ = 0;  // 0: reaped
    unique_fd handle_;
};

/// The same for a child that the library started: SIGSTOP or SIGCONT, and waits until it is so.
void stop_child(std::int32_t pid);
void resume_child(std::int32_t pid);

/// In a test body: makes it a visible skip where the backend's kernel starts no processes.
void needs_processes();

/// Whether this process has children, also ones that have ended and were not reaped.
bool has_children();

using helper_arguments = std::vector<std::string>;

/// Registers a helper, as a global. Its name must be one of a kind.
class helper {
public:
    helper(const char* name, int (*function)(const helper_arguments&));
};

/// For main(): runs the helper of that name and returns its exit code.
int run_helper(const std::string& name, const helper_arguments& arguments);

}  // namespace conduit::test
