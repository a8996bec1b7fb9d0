// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>

#include <exception>
#include <string>
#include <system_error>

namespace conduit {
namespace {

/// Empty for the end of a wait that was stopped, which is no failure to report.
std::string what_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& known) {
        return known.code() == errc::cancelled ? "" : known.what();
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "something that is no std::exception";
    }
}

}  // namespace

void job::queue(loop& l, frame& next, context& under) noexcept {
    turnstile_.resume_later(l, next, under);
}

std::coroutine_handle<> loop::step_back(frame& next) noexcept {
    context->find_job()->queue(*this, next, *context);
    return std::noop_coroutine();
}

void job::begin(task_group& group, frame& top, std::string_view name,
                std::source_location at) noexcept {
    group_ = &group;
    top_ = &top;
    spawned_at_ = at;
    context_.attach(group.context_);
    context_.set_job(this);
    context_.set_name(name);
    queue(loop::running(), top, context_);
}

void job::finish() noexcept {
    loop::running().counters.tasks_live.subtract();
    finished_ = true;
    context_.detach();
    intrusive_list<job, in_group>::remove(*this);
    if (joiner_ != nullptr) std::exchange(joiner_, nullptr)->complete(0);
    if (group_->children_.empty() && group_->joiner_ != nullptr) {
        std::exchange(group_->joiner_, nullptr)->complete(0);
    }
    if (holder_ == nullptr) top_->self().destroy();
}

void job::fail_group(std::exception_ptr why) noexcept {
    if (!group_->failure_) {
        group_->failure_ = std::move(why);
        group_->failure_is_unseen_ = holder_ == nullptr;  // else it is for the holder to look
    }
    group_->request_stop();
}

void job::discard() noexcept {
    CONDUIT_ASSERT(loop::running().context->find_job() != this,
                   "a task destroyed the group that it runs in");
    loop::running().counters.tasks_live.subtract();
    if (joiner_ != nullptr) {
        std::exchange(joiner_, nullptr)->complete(operation::cancelled_outcome);
    }
    if (holder_ != nullptr) *holder_ = nullptr;
    top_->self().destroy();
}

task_group::task_group(context& under) { context_.attach(under); }

void task_group::adopt(job& added, frame& top, std::string_view name,
                       std::source_location at) noexcept {
    loop& l = loop::running();
    l.counters.tasks_spawned.add();
    l.counters.tasks_live.add();
    top.where = at;
    top.since = l.now;
    children_.push_back(added);
    added.begin(*this, top, name, at);
}

task_group::~task_group() {
    CONDUIT_ASSERT(joiner_ == nullptr, "a task group was destroyed while a task joins it");
    log_unseen_failure(log_level::warning);
    destroy_children();
}

// A block that is left by an exception of its own, often only because it was cancelled, hides the
// failure that was the cause; a group that nobody joins hides its own.
void task_group::log_unseen_failure(log_level level) noexcept {
    if (!failure_ || !std::exchange(failure_is_unseen_, false)) return;
    try {
        const std::string what = what_of(failure_);
        if (what.empty()) return;
        const std::string line = "the failure of a task was not seen by anybody: ";
        loop::running().owner->log(level, line + what);
    } catch (...) {  // no memory for a line in the log
    }
}

void task_group::destroy_children() noexcept {
    while (!children_.empty()) children_.back().discard();
}

task_group::join_operation task_group::join() noexcept { return join_operation(*this); }

operation::progress task_group::join_operation::start() {
    if (group_->children_.empty()) return progress::done;
    CONDUIT_ASSERT(group_->joiner_ == nullptr, "a group is joined by one task at a time");
    group_->joiner_ = this;
    return progress::waiting;
}

}  // namespace conduit
