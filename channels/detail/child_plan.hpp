// SPDX-License-Identifier: BSL-1.0
//
// From a command to a child: what the kernel is asked for, with the descriptors kept open until it
// was asked. process.hpp and pipeline.hpp start their programs by this.
//
//     child_plan plan(std::move(program), why);
//     auto child = plan.start();

#pragma once

#include <conduit/channels/command.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace conduit {

/// What a process object is made of. A child that is still in it when it is destroyed, for want of
/// memory, is ended.
struct process_parts {
    process_parts() noexcept = default;
    process_parts(process_parts&&) noexcept = default;
    ~process_parts();

    kernel* owner = nullptr;
    spawned_process child;
    bool leads_group = false;
    io_handle handle;
    io_handle ends[3];
};

/// Used for one start. `why` says what failed when a member returns an error.
class child_plan {
public:
    child_plan(command program, start_failure& why) : program_(std::move(program)), why_(why) {}

    /// The kinds that streams which were not set have.
    void default_streams(redirect input, redirect output);
    /// A pipe from or to a neighbour, for a stream that was not set.
    void connect(int number, unique_fd end);

    result<process> start();

private:
    using kind = redirect::kind;

    std::error_code fail(start_failure::part what, std::error_code reason, std::string path = {},
                         int number = 0);
    result<void> fill_words();
    result<void> fill_environment();
    result<void> fill_streams();
    result<void> fill_stream(int number);
    result<void> pass(int number, result<unique_fd> fd, bool blocking);
    result<void> make_pipe(int number);
    result<process> spawn();
    std::error_code explain(std::error_code reason, const spawn_failure& failure);

    command program_;
    start_failure& why_;
    spawn_request request_;
    std::vector<unique_fd> open_;
    process_parts parts_;
};

}  // namespace conduit
