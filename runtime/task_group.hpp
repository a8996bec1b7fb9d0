// SPDX-License-Identifier: BSL-1.0
//
// The owner of tasks that run side by side. A group is a member of a long-lived object: a server
// that owns its connections. In a function body use task_scope.hpp, which also ties the rest of the
// block to its children; for a fixed set of tasks use when_all.hpp.
//
//     class echo_server {
//         ...
//         std::vector<session> sessions_;                 // children may use what comes before
//         conduit::task_group group_;
//     };
//     group_.spawn(serve(std::move(peer)), "echo");

#pragma once

#include <conduit/runtime/context.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/outcome.hpp>
#include <conduit/runtime/task.hpp>

#include <coroutine>
#include <exception>
#include <source_location>
#include <string_view>
#include <system_error>
#include <utility>

namespace conduit {

class task_group;
template <class T>
class child;

struct in_group;  // tag: a job among the children of its group

/// One logical thread: a spawned task, or the root task, with the context it runs in. Users hold a
/// child instead.
class job : public list_hook<in_group> {
public:
    job(const job&) = delete;
    job& operator=(const job&) = delete;

    bool is_finished() const noexcept { return finished_; }
    void request_stop() noexcept {
        if (!finished_) context_.request_stop();
    }
    task_group& group() const noexcept { return *group_; }
    std::string_view name() const noexcept { return context_.name(); }
    const std::source_location& spawned_at() const noexcept { return spawned_at_; }

    /// Takes its place in the ready queue, to go on with `next` in `under`.
    void queue(loop& l, frame& next, context& under) noexcept;

protected:
    job() noexcept = default;
    ~job() = default;

    void finish() noexcept;
    void fail_group(std::exception_ptr why) noexcept;

private:
    friend class task_group;
    template <class T>
    friend class child;

    /// The place in the ready queue of a task that steps back, or has not begun.
    class turnstile final : public operation {
    public:
        turnstile() noexcept : operation(kind::unstoppable) {}
        const char* name() const noexcept override { return "its turn"; }
        void cancel() noexcept override {}
        using operation::resume_later;

    private:
        progress start() override { return progress::done; }
    };

    void begin(task_group& group, frame& top, std::string_view name,
               std::source_location at) noexcept;
    void discard() noexcept;

    turnstile turnstile_;
    task_group* group_ = nullptr;
    frame* top_ = nullptr;
    std::source_location spawned_at_;
    context context_;
    job** holder_ = nullptr;       // the child that refers to this, if it still does
    operation* joiner_ = nullptr;  // who awaits that child
    bool finished_ = false;
};

/// The coroutine around a spawned task.
template <class T>
struct job_coroutine {
    struct promise_type : promise_base, job, outcome_slot<T> {
        struct last {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                ended.promise().finish();
            }
            void await_resume() const noexcept {}
        };
        job_coroutine get_return_object() noexcept {
            return job_coroutine(handle_of(*this).promise());
        }
        last final_suspend() const noexcept { return {}; }
        void unhandled_exception() noexcept {
            this->fail(std::current_exception());
            this->fail_group(std::current_exception());
        }
    };

    explicit job_coroutine(promise_type& made) noexcept : promise(&made) {}

    promise_type* promise;
};

/// Owns the tasks it spawns. The first of them that throws stops the others; join() rethrows it.
///
/// Destroying a group destroys the children that still run, where they are suspended, last first. A
/// failure that nobody joined, of a task whose child nobody held, is logged then. It must not be
/// destroyed by one of its own children, nor while a task joins it. All use is on one scheduler.
class task_group {
public:
    /// Children inherit from `under`: its stop requests and its deadline are theirs.
    explicit task_group(context& under = current_context());
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    ~task_group();

    /// Starts a task, which first runs after the running one has suspended. `name` is for people
    /// and is not copied. Throws std::bad_alloc; the task is then destroyed and nothing else done.
    template <class T>
    child<T> spawn(task<T> work, std::string_view name = {},
                   std::source_location at = std::source_location::current());

    /// Starts a coroutine that is a job itself: what spawn() makes of a task, with one frame less.
    /// Nobody can await it. For the library's own layers, where each call costs one.
    void start(job_coroutine<void> work, std::string_view name = {},
               std::source_location at = std::source_location::current()) noexcept {
        adopt(*work.promise, *work.promise, name, at);
    }

    class join_operation;
    /// Waits until all children have ended, then rethrows the first failure. A stop request does
    /// not end this wait: it ends the children.
    join_operation join() noexcept;

    /// Asks all children to end; returns at once.
    void request_stop(stop_reason why = stop_reason::cancelled) noexcept {
        context_.request_stop(why);
    }
    bool stop_requested() noexcept { return context_.stop_requested(); }

    bool empty() noexcept { return children_.empty(); }
    context& group_context() noexcept { return context_; }

    /// What the first child that failed threw, or null.
    std::exception_ptr failure() const noexcept { return failure_; }

protected:
    void destroy_children() noexcept;
    void log_unseen_failure(log_level level) noexcept;

private:
    friend class job;

    void adopt(job& added, frame& top, std::string_view name, std::source_location at) noexcept;

    context context_;
    intrusive_list<job, in_group> children_;
    join_operation* joiner_ = nullptr;
    std::exception_ptr failure_;
    bool failure_is_unseen_ = false;  // nobody holds the child that failed
};

class task_group::join_operation final : public operation {
public:
    explicit join_operation(task_group& group) noexcept
        : operation(kind::unstoppable), group_(&group) {}
    join_operation(join_operation&&) noexcept = default;
    ~join_operation() {
        if (is_waiting()) group_->joiner_ = nullptr;
    }

    const char* name() const noexcept override { return "join"; }
    void cancel() noexcept override {}
    void await_resume() {
        if (group_->failure_) std::rethrow_exception(std::exchange(group_->failure_, nullptr));
    }

private:
    progress start() override;

    task_group* group_;
};

/// A handle on a spawned task. Dropping it is fine: the task goes on in its group.
template <class T>
class child {
public:
    class join_operation;
    using conduit_awaitable = void;

    child(child&& other) noexcept
        : job_(std::exchange(other.job_, nullptr)), promise_(other.promise_) {
        if (job_ != nullptr) job_->holder_ = &job_;
    }
    child& operator=(child&& other) noexcept {
        if (this == &other) return *this;
        drop();
        job_ = std::exchange(other.job_, nullptr);
        promise_ = other.promise_;
        if (job_ != nullptr) job_->holder_ = &job_;
        return *this;
    }
    ~child() { drop(); }

    /// Whether the task has ended, or was destroyed with its group.
    bool is_done() const noexcept { return job_ == nullptr || job_->is_finished(); }

    /// Asks the task to end; returns at once.
    void request_stop() noexcept {
        if (!is_done()) job_->request_stop();
    }

    /// Waits for the task's end; yields what it returned or throws what it threw. When this wait is
    /// stopped or expires first it throws: the group's failure if there is one, else
    /// std::system_error with errc::cancelled or errc::timed_out; the task goes on. A task that is
    /// destroyed with its group ends this wait with errc::cancelled.
    join_operation operator co_await() noexcept { return join_operation(*this); }

    /// The task as dump_tasks() and schedulers see it.
    const job& as_job() const noexcept {
        CONDUIT_ASSERT(job_ != nullptr, "the task was destroyed with its group");
        return *job_;
    }

    /// The result of a task that is done.
    T take() {
        CONDUIT_ASSERT(job_ != nullptr && is_done(), "the task has no result to take");
        return promise_->take();
    }

private:
    friend class task_group;
    using promise_type = typename job_coroutine<T>::promise_type;

    explicit child(promise_type& made) noexcept : job_(&made), promise_(&made) {
        job_->holder_ = &job_;
    }
    void drop() noexcept {
        if (job_ == nullptr) return;
        CONDUIT_ASSERT(job_->joiner_ == nullptr, "a child was dropped while a task awaits it");
        job_->holder_ = nullptr;
        if (job_->is_finished()) promise_->self().destroy();
        job_ = nullptr;
    }

    job* job_;
    promise_type* promise_;
};

template <class T>
class child<T>::join_operation final : public operation {
public:
    explicit join_operation(child& joined) noexcept : child_(&joined) {}
    join_operation(join_operation&&) noexcept = default;
    ~join_operation() {
        if (is_waiting()) forget();
    }

    const char* name() const noexcept override { return "child"; }
    bool await_ready() const noexcept { return child_->is_done(); }
    void cancel() noexcept override {
        forget();
        complete(cancelled_outcome);
    }
    T await_resume() {
        if (child_->job_ == nullptr) throw std::system_error(errc::cancelled);
        if (child_->is_done()) return child_->take();  // also when it ended after a stop
        if (std::exception_ptr why = child_->job_->group().failure()) std::rethrow_exception(why);
        throw std::system_error(error());
    }

private:
    progress start() override {
        CONDUIT_ASSERT(child_->job_->joiner_ == nullptr,
                       "a child is awaited by one task at a time");
        child_->job_->joiner_ = this;
        return progress::waiting;
    }
    void forget() noexcept {
        if (child_->job_ != nullptr) child_->job_->joiner_ = nullptr;
    }

    child* child_;
};

/// The body of every job. The task is moved into a local, for a coroutine's parameters outlive its
/// promise and with it the context that the task runs in.
template <class T>
job_coroutine<T> run_job(task<T> work) {
    task<T> running = std::move(work);
    co_return co_await std::move(running);
}

template <class T>
child<T> task_group::spawn(task<T> work, std::string_view name, std::source_location at) {
    typename job_coroutine<T>::promise_type& made = *run_job(std::move(work)).promise;
    adopt(made, made, name, at);
    return child<T>(made);
}

}  // namespace conduit
