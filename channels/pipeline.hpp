// SPDX-License-Identifier: BSL-1.0
//
// Programs joined by pipes, as in a shell, and the short way to run one or several to their end and
// have what they printed. To talk to a single one while it runs use process.hpp.
//
//     auto words = conduit::command("sort", "words") | conduit::command("uniq", "-c");
//     auto done = co_await conduit::run(std::move(words));
//     if (done && done->ok()) use(done->output);
//
//     auto listed = co_await conduit::run(conduit::command("ls", "-l"));

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/command.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

class running_pipeline;

/// Commands of which each one's output is the next one's input, unless it says otherwise itself. A
/// value that can be moved, used up by starting it.
class pipeline {
public:
    static constexpr std::chrono::seconds drain_default{1};

    pipeline(command only) { stages_.push_back(std::move(only)); }

    /// How long run() goes on reading after the last stage has ended, while something that a stage
    /// started holds its output open. What the stages wrote themselves is read in any case; zero:
    /// the end of the stages is the end of the output.
    pipeline& drain(clock::duration period) & {
        drain_ = period;
        return *this;
    }
    pipeline&& drain(clock::duration period) && { return std::move(drain(period)); }
    /// How long stages that are stopped have between SIGTERM and SIGKILL.
    pipeline& grace(clock::duration period) & {
        grace_ = period;
        return *this;
    }
    pipeline&& grace(clock::duration period) && { return std::move(grace(period)); }

    pipeline& append(command next) & {
        stages_.push_back(std::move(next));
        return *this;
    }

    std::vector<command>& stages() noexcept { return stages_; }
    clock::duration drain() const noexcept { return drain_; }
    clock::duration grace() const noexcept { return grace_; }

private:
    std::vector<command> stages_;
    clock::duration drain_ = drain_default;
    clock::duration grace_ = process::grace_default;
};

inline pipeline operator|(command first, command second) {
    pipeline both(std::move(first));
    both.append(std::move(second));
    return both;
}
inline pipeline operator|(pipeline before, command next) {
    before.append(std::move(next));
    return before;
}

/// Starts all stages, from the first. Fails with the first failure, after those that had started
/// were killed; `why`, if given, tells of which stage and what. Streams that are not set: the first
/// input and the last output are pipes to the object.
[[nodiscard]] result<running_pipeline> start(pipeline stages, start_failure* why = nullptr);

/// The stages of a pipeline as children of this process; with the pipes that start() makes one byte
/// stream, as a process is. Ownership, overlap and lifetime are those of its processes: destroying
/// it kills what was not seen to exit.
class running_pipeline {
public:
    static constexpr channel_traits traits = process::traits;

    /// From the last stage's output.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return stages_.back().read_some(buffer);
    }
    /// To the first stage's input.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return stages_.front().write_some(bytes);
    }
    close_operation close_writing() noexcept { return stages_.front().close_writing(); }

    std::span<process> stages() noexcept { return stages_; }
    /// For copy(), which moves bytes inside the kernel where it can.
    io_handle* source_handle() noexcept { return stages_.back().source_handle(); }
    io_handle* sink_handle() noexcept { return stages_.front().sink_handle(); }

    /// Waits for the end of all stages; yields how each ended, the first first.
    task<result<std::vector<exit_status>>> exited();

    /// As process::stop(), for all stages at the same time.
    task<result<std::vector<exit_status>>> stop(clock::duration grace = process::grace_default);

    void close() noexcept { stages_.clear(); }
    bool is_open() const noexcept { return !stages_.empty(); }

private:
    friend class pipeline_start;
    explicit running_pipeline(std::vector<process> stages) : stages_(std::move(stages)) {}

    std::vector<process> stages_;
};

/// What became of what was run.
struct completed {
    struct stage {
        exit_status status;
        std::string error_output;  // where it was captured
    };

    std::vector<stage> stages;
    std::string output;           // of the last stage, where it was captured
    bool output_is_whole = true;  // false: something else still held it when the drain was over

    exit_status status() const noexcept { return stages.back().status; }
    /// Whether every stage exited with code 0.
    bool ok() const noexcept {
        return std::all_of(stages.begin(), stages.end(), [](const stage& each) {
            return each.status.code == 0 && each.status.signal == 0;
        });
    }
};

/// Runs to the end. Streams that are not set: the first input is empty, the last output captured.
/// A program that does not start, or prints more than is to be captured, is an error; one that
/// fails is not: see the status. A stop request or passed deadline stops all stages, with the
/// pipeline's grace, before this returns; destroying the task kills them. `why` must outlive this.
task<result<completed>> run(pipeline stages, start_failure* why = nullptr);

}  // namespace conduit
