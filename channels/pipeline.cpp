// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/child_plan.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/signal_numbers.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace conduit {

/// Starts the stages from left to right.
class pipeline_start {
public:
    pipeline_start(pipeline& asked, start_failure& why) : asked_(asked), why_(why) {}

    result<running_pipeline> all(redirect::kind input, redirect::kind output) {
        std::vector<process> started;
        std::vector<command>& stages = asked_.stages();
        started.reserve(stages.size());
        for (std::size_t i = 0; i < stages.size(); ++i) {
            why_.stage = i;
            const bool last = i + 1 == stages.size();
            if (auto checked = check_inner(stages[i], i == 0, last); !checked) {
                return checked.error();
            }
            child_plan plan(std::move(stages[i]), why_);
            if (auto joined = join(plan, i == 0, last); !joined) return joined.error();
            plan.default_streams(default_input(input), default_output(output));
            auto child = plan.start();
            if (!child) return child.error();
            started.push_back(std::move(*child));
        }
        return running_pipeline(std::move(started));
    }

private:
    static redirect default_input(redirect::kind kind) {
        return kind == redirect::kind::null ? redirect::null() : redirect::pipe();
    }
    static redirect default_output(redirect::kind kind) {
        return kind == redirect::kind::capture ? redirect::capture() : redirect::pipe();
    }

    /// Between two stages there is nobody who would serve a pipe to here.
    result<void> check_inner(command& stage, bool first, bool last) {
        const auto ends_here = [&](int number) {
            const redirect::kind kind = stage.stream(number).what();
            return kind == redirect::kind::pipe || kind == redirect::kind::capture;
        };
        if ((first || !ends_here(0)) && (last || !ends_here(1))) return {};
        why_.what = start_failure::part::redirection;
        why_.path = stage.words().front();
        why_.number = !last && ends_here(1) ? 1 : 0;
        why_.reason = std::make_error_code(std::errc::invalid_argument);
        return why_.reason;
    }

    result<void> join(child_plan& plan, bool first, bool last) {
        if (!first) plan.connect(0, std::move(from_left_));
        from_left_.reset();
        if (last) return {};
        auto made = make_blocking_pipe();
        if (!made) {
            why_.what = start_failure::part::redirection;
            why_.path.clear();
            why_.number = 1;
            why_.reason = made.error();
            return made.error();
        }
        from_left_ = std::move(made->first);
        plan.connect(1, std::move(made->second));
        return {};
    }

    static result<std::pair<unique_fd, unique_fd>> make_blocking_pipe() {
        kernel& here = current_kernel();
        auto made = here.make_pipe();
        if (!made) return made;
        if (auto changed = here.make_blocking(made->first); !changed) return changed.error();
        if (auto changed = here.make_blocking(made->second); !changed) return changed.error();
        return made;
    }

    pipeline& asked_;
    start_failure& why_;
    unique_fd from_left_;
};

namespace {

/// Collects what one pipe brings, until its end, a stop, or too much.
class collector {
public:
    explicit collector(io_handle& from) noexcept : from_(from) {}

    void limit(std::size_t bytes_max) noexcept { bytes_max_ = bytes_max; }
    bool is_done() const noexcept { return !from_.is_open(); }
    bool is_overfull() const noexcept { return overfull_; }
    std::string take() noexcept { return std::move(text_); }

    task<> until_end() {
        while (!is_done()) {
            auto got = co_await from_.read_some(room_);
            if (stopped(got)) co_return;
        }
    }

    /// After the end of the stages: all that is there, and what comes by `deadline`. At a passed
    /// deadline a read still gets what is there; a pipe holds at most 1 MiB that was written before
    /// (pipe-max-size), whatever others go on writing.
    task<> until(clock::time_point deadline) {
        std::size_t late = 0;
        while (!is_done() && late < pipe_bytes_max) {
            auto got = co_await within(deadline, from_.read_some(room_));
            if (stopped(got)) co_return;
            if (clock::now() >= deadline) late += *got;
        }
    }

private:
    static constexpr std::size_t pipe_bytes_max = std::size_t{1024} * 1024;

    bool stopped(const result<std::size_t>& got) {
        const bool waits = got.error() == errc::cancelled || got.error() == errc::timed_out;
        if (waits) return true;
        if (!got || *got == 0) {
            from_.close();
            return true;
        }
        if (*got > bytes_max_ - text_.size()) {
            overfull_ = true;
            from_.close();
            return true;
        }
        text_.append(buffer_.data(), *got);
        return false;
    }

    io_handle& from_;
    std::string text_;
    std::size_t bytes_max_ = redirect::capture_bytes_max;
    bool overfull_ = false;
    std::array<char, 16384> buffer_{};
    std::span<std::byte> room_ = std::as_writable_bytes(std::span<char>(buffer_));
};

/// What run() keeps while the stages run.
class run_of {
public:
    run_of(running_pipeline stages, const std::vector<std::size_t>& limits)
        : stages_(std::move(stages)) {
        for (process& stage : stages_.stages()) {
            stage.handle_of(0).close();
            add(stage.handle_of(2), limits[collectors_.size()]);
        }
        add(stages_.stages().back().handle_of(1), limits.back());
    }

    task<result<completed>> to_end(clock::duration drain, clock::duration grace) {
        auto statuses = co_await collect_until_exit();
        if (!statuses) {
            const std::error_code why = statuses.error();
            auto stopped = co_await stages_.stop(grace);
            static_cast<void>(stopped);
            co_return why;
        }
        const clock::time_point deadline = saturating_add(clock::now(), drain);
        for (auto& each : collectors_) co_await each->until(deadline);
        co_return outcome(*statuses);
    }

private:
    void add(io_handle& from, std::size_t bytes_max) {
        collectors_.push_back(std::make_unique<collector>(from));
        collectors_.back()->limit(bytes_max);
    }

    task<> collect(collector& from) {
        co_await from.until_end();
        if (!from.is_overfull()) co_return;
        for (process& stage : stages_.stages()) {
            static_cast<void>(stage.signal(signal_number::kill));
        }
    }

    task<result<std::vector<exit_status>>> collect_until_exit() {
        task_scope readers;
        for (auto& each : collectors_) readers.spawn(collect(*each), "collecting output");
        auto statuses = co_await stages_.exited();
        readers.request_stop();
        co_await readers.join();
        co_return statuses;
    }

    result<completed> outcome(const std::vector<exit_status>& statuses) {
        completed done;
        for (std::size_t i = 0; i < collectors_.size(); ++i) {
            collector& from = *collectors_[i];
            if (from.is_overfull()) return std::make_error_code(std::errc::value_too_large);
            if (!from.is_done()) done.output_is_whole = false;
            if (i == statuses.size()) {
                done.output = from.take();
            } else {
                done.stages.push_back({statuses[i], from.take()});
            }
        }
        return done;
    }

    running_pipeline stages_;
    std::vector<std::unique_ptr<collector>> collectors_;  // error outputs, then the output
};

/// How much may be captured of each error output, and of the output.
std::vector<std::size_t> limits_of(pipeline& stages) {
    std::vector<std::size_t> limits;
    for (command& stage : stages.stages()) limits.push_back(stage.stream(2).bytes_max());
    limits.push_back(stages.stages().back().stream(1).bytes_max());
    return limits;
}

task<> end_one(process& stage, clock::duration grace, std::optional<result<exit_status>>& status) {
    status = co_await stage.stop(grace);
}

}  // namespace

result<running_pipeline> start(pipeline stages, start_failure* why) {
    start_failure ignored;
    pipeline_start starting(stages, why != nullptr ? *why : ignored);
    return starting.all(redirect::kind::pipe, redirect::kind::pipe);
}

task<result<std::vector<exit_status>>> running_pipeline::exited() {
    std::vector<exit_status> statuses;
    for (process& stage : stages_) {
        auto ended = co_await stage.exited();
        if (!ended) co_return ended.error();
        statuses.push_back(*ended);
    }
    co_return statuses;
}

task<result<std::vector<exit_status>>> running_pipeline::stop(clock::duration grace) {
    std::vector<std::optional<result<exit_status>>> ended(stages_.size());
    {
        task_group unstoppable(scheduler::current().guests().group_context());
        for (std::size_t i = 0; i < stages_.size(); ++i) {
            unstoppable.spawn(end_one(stages_[i], grace, ended[i]), "stopping a stage");
        }
        co_await unstoppable.join();
    }
    std::vector<exit_status> statuses;
    for (const auto& each : ended) {
        if (!*each) co_return each->error();
        statuses.push_back(**each);
    }
    co_return statuses;
}

task<result<completed>> run(pipeline stages, start_failure* why) {
    pipeline asked = std::move(stages);
    start_failure ignored;
    pipeline_start starting(asked, why != nullptr ? *why : ignored);
    const std::vector<std::size_t> limits = limits_of(asked);
    auto started = starting.all(redirect::kind::null, redirect::kind::capture);
    if (!started) co_return started.error();
    run_of running(std::move(*started), limits);
    co_return co_await running.to_end(asked.drain(), asked.grace());
}

}  // namespace conduit
