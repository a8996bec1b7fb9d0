// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/child_plan.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/signal_numbers.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/mutex.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <optional>

namespace conduit {
namespace {

/// A child that was killed and whose status nobody wants. Destroyed before it was seen to end, it
/// blocks the thread until then; one that could not be killed is not waited for.
class killed_child {
public:
    killed_child(kernel& owner, unique_fd child, io_handle watched) noexcept
        : owner_(&owner), child_(std::move(child)), watched_(std::move(watched)) {}
    killed_child(killed_child&&) noexcept = default;
    ~killed_child() {
        if (child_) owner_->reap(child_);
    }

    task<> ended() {
        auto status = co_await watched_.wait_process();
        if (status) child_.reset();
    }

private:
    kernel* owner_;
    unique_fd child_;
    io_handle watched_;
};

task<> reap(killed_child given) {
    killed_child child = std::move(given);
    co_await child.ended();
}

/// Waits in a task of the scheduler's own if there can be one; otherwise here.
void reap_soon(killed_child child) noexcept {
    if (loop::current == nullptr) return;
    scheduler& here = scheduler::current();
    if (!here.has_guests() || here.guests().stop_requested()) return;
    try {
        here.guests().spawn(reap(std::move(child)), "reaper");
    } catch (const std::bad_alloc&) {  // then the child was reaped with its frame or parameter
    }
}

std::string_view describe(start_failure::part what) {
    switch (what) {
        case start_failure::part::program: return "cannot start";
        case start_failure::part::argument: return "too long, or a byte 0: what is given to";
        case start_failure::part::working_folder: return "cannot enter the working folder";
        case start_failure::part::redirection: return "cannot redirect stream";
        case start_failure::part::handle: return "cannot pass on descriptor";
    }
    return "";
}

}  // namespace

std::string start_failure::text() const {
    const bool numbered = what == part::redirection || what == part::handle;
    std::string line(describe(what));
    if (numbered) line += fmt::format(" {}", number);
    if (!path.empty()) line += fmt::format("{} {}", numbered ? ":" : "", path);
    return line + ": " + reason.message();
}

/// What is known of the child. In its own place, so that the process object can be moved.
class process::state {
public:
    explicit state(process_parts& parts) noexcept
        : owner_(parts.owner),
          child_(std::move(parts.child)),
          leads_group_(parts.leads_group),
          watched_(std::move(parts.handle)) {}
    state(const state&) = delete;
    ~state() {
        if (leads_group_) static_cast<void>(owner_->signal_group(child_, signal_number::kill));
        if (status_) return;
        if (!owner_->signal_process(child_.handle, signal_number::kill)) return;
        reap_soon(killed_child(*owner_, std::move(child_.handle), std::move(watched_)));
    }

    std::int32_t pid() const noexcept { return child_.pid; }
    bool has_exited() const noexcept { return status_.has_value(); }

    /// One task waits in the kernel, others for that task.
    task<result<exit_status>> exited() {
        if (status_) co_return *status_;
        auto turn = co_await waiting_.lock();
        if (!turn) co_return turn.error();
        if (status_) co_return *status_;
        auto ended = co_await watched_.wait_process();
        if (!ended) co_return ended.error();
        status_ = *ended;
        co_return *status_;
    }

    result<void> signal(int number) {
        if (leads_group_) return owner_->signal_group(child_, number);
        if (status_) return std::make_error_code(std::errc::no_such_process);
        return owner_->signal_process(child_.handle, number);
    }

    task<result<exit_status>> end(clock::duration grace) {
        if (auto asked = signal(signal_number::terminate); asked && grace > grace.zero()) {
            auto ended = co_await within(grace, exited());
            if (ended) co_return ended;
        }
        static_cast<void>(signal(signal_number::kill));
        if (!status_) {  // of a group, another one may have been who could be killed
            auto killed = owner_->signal_process(child_.handle, signal_number::kill);
            if (killed.error() == std::errc::operation_not_permitted) co_return killed.error();
        }
        co_return co_await exited();
    }

private:
    kernel* owner_;
    spawned_process child_;
    bool leads_group_;
    io_handle watched_;
    std::optional<exit_status> status_;
    mutex waiting_;
};

process::process(process_parts parts)
    : state_(std::make_unique<state>(parts)),
      input_(std::move(parts.ends[0])),
      output_(std::move(parts.ends[1])),
      error_output_(std::move(parts.ends[2])) {}

process::process(process&&) noexcept = default;
process& process::operator=(process&&) noexcept = default;
process::~process() = default;

result<process> start(command program, start_failure* why) {
    start_failure ignored;
    child_plan plan(std::move(program), why != nullptr ? *why : ignored);
    plan.default_streams(redirect::pipe(), redirect::pipe());
    return plan.start();
}

std::int32_t process::pid() const noexcept {
    CONDUIT_ASSERT(is_open(), "a process that was closed has no number");
    return state_->pid();
}

bool process::has_exited() const noexcept { return !is_open() || state_->has_exited(); }

result<pipe_writer> process::take_input() {
    auto fd = input_.detach();
    if (!fd) return fd.error();
    return pipe_writer::adopt(std::move(*fd));
}

result<pipe_reader> process::take_output() {
    auto fd = output_.detach();
    if (!fd) return fd.error();
    return pipe_reader::adopt(std::move(*fd));
}

result<pipe_reader> process::take_error_output() {
    auto fd = error_output_.detach();
    if (!fd) return fd.error();
    return pipe_reader::adopt(std::move(*fd));
}

task<result<exit_status>> process::exited() {
    CONDUIT_ASSERT(is_open(), "a process that was closed is not waited for");
    return state_->exited();
}

result<void> process::signal(int number) {
    if (!is_open()) return std::make_error_code(std::errc::no_such_process);
    return state_->signal(number);
}

task<result<exit_status>> process::stop(clock::duration grace) {
    CONDUIT_ASSERT(is_open(), "a process that was closed is not stopped");
    state& child = *state_;
    task_group unstoppable(scheduler::current().guests().group_context());
    auto ending = unstoppable.spawn(child.end(grace), "stopping a process");
    co_await unstoppable.join();
    co_return ending.take();
}

void process::close() noexcept {
    input_.close();
    output_.close();
    error_output_.close();
    state_.reset();
}

}  // namespace conduit
