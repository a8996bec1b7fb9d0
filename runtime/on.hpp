// SPDX-License-Identifier: BSL-1.0
//
// Runs a task on another scheduler and yields its result here. Several schedulers share nothing, so
// this is how one asks another; to send values again and again use shared_queue.hpp, for a function
// without a result scheduler::post(), for one that blocks blocking.hpp.
//
//     conduit::runtime workers(4);
//     ...                                                 // in a task on one of them
//     auto n = co_await conduit::on(workers.worker(1), count_entries("users"));

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/outcome.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/within.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <semaphore>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace conduit {

/// Runs `work` on the scheduler `there` and yields what it returned, or throws what it threw; in
/// place when that is the current one.
///
/// Of the context only the deadline goes along, by value; names and trace values stay. A stop
/// request is forwarded and waited for: what `work` then returns is yielded. Destroying the task
/// that waits requests a stop there and abandons `work`, which therefore must own, or share safely,
/// what it touches. Its parameters and its result are destroyed on the thread they are from, unless
/// that scheduler has ended.
///
/// Throws std::system_error with errc::cancelled when `there` has ended or is ending, or was
/// destroyed with `work` in it, and with errc::cancelled or errc::timed_out when it was stopped
/// before it began. A scheduler that does not run yet is waited for. It must exist when this is
/// awaited.
template <class T>
task<T> on(scheduler& there, task<T> work);

/// A task that is sent to another scheduler and comes back; the part that does not depend on what
/// it returns. Owned by both sides and by each message between them.
class errand_base : public std::enable_shared_from_this<errand_base> {
public:
    errand_base(const errand_base&) = delete;
    errand_base& operator=(const errand_base&) = delete;
    virtual ~errand_base() = default;

    /// Sends it off; false when the scheduler there takes no more work. `waiter` is completed when
    /// it is back; a plain thread passes null and calls wait().
    bool depart(operation* waiter, clock::time_point deadline);

    /// Blocks a plain thread until it is back.
    void wait() noexcept;

    /// Forwards a stop request, once. It comes back all the same.
    void request_stop(stop_reason why) noexcept;

    /// Nobody waits for it any more.
    void abandon() noexcept;

protected:
    /// `name` is for dump_tasks() and is not copied.
    errand_base(scheduler& there, std::string_view name);

    /// Says, there, that the task runs.
    class presence {
    public:
        explicit presence(errand_base& errand) noexcept : errand_(errand) {
            errand.running_in_ = &current_context();
        }
        presence(const presence&) = delete;
        ~presence() { errand_.running_in_ = nullptr; }

    private:
        errand_base& errand_;
    };

    /// Goes with the task there; sends the errand back when it has ended or was destroyed, be it
    /// before it began.
    class way_back {
    public:
        explicit way_back(std::shared_ptr<errand_base> errand) noexcept
            : errand_(std::move(errand)) {}
        way_back(way_back&&) noexcept = default;
        ~way_back() {
            if (errand_ != nullptr && errand_->is_there_) errand_->leave();
        }

    private:
        std::shared_ptr<errand_base> errand_;
    };

    /// Throws, there, when it was stopped on its way.
    void expect_wanted() const;

    /// There: it returned or threw, and was not destroyed.
    void keep_outcome() noexcept { has_outcome_ = true; }

    clock::time_point deadline() const noexcept { return deadline_; }

    virtual task<> run() = 0;
    virtual void fail(std::exception_ptr why) noexcept = 0;
    /// The task goes back to the memory of the thread that it is from.
    virtual void free_task() noexcept = 0;
    /// There, or wherever it turned out that it cannot begin: home, or to the thread that waits.
    virtual void send_back() noexcept;
    void never_began() noexcept;

private:
    class message final : public wakeup {
    public:
        message(errand_base& errand, void (errand_base::*arrived)() noexcept,
                void (errand_base::*lost)() noexcept) noexcept
            : errand_(errand), arrived_(arrived), lost_(lost) {}

        bool send(inbox& to, bool is_work) noexcept;
        void deliver() noexcept override;
        void abandon() noexcept override;

    private:
        errand_base& errand_;
        void (errand_base::*arrived_)() noexcept;
        void (errand_base::*lost_)() noexcept;
        std::shared_ptr<errand_base> alive_;  // while it is on its way
    };

    void begin() noexcept;
    void stop_there() noexcept;
    void leave() noexcept;
    void is_back() noexcept;
    void ignore() noexcept {}

    std::shared_ptr<inbox> there_;
    std::string_view name_;
    std::shared_ptr<inbox> home_;    // null for a plain thread
    operation* waiter_ = nullptr;    // touched at home only
    context* running_in_ = nullptr;  // touched there only, and so are the next two
    bool is_there_ = false;
    bool has_outcome_ = false;
    clock::time_point deadline_{};
    std::atomic<stop_reason> stop_{stop_reason::none};
    message departure_{*this, &errand_base::begin, &errand_base::never_began};
    message stopping_{*this, &errand_base::stop_there, &errand_base::ignore};
    message return_{*this, &errand_base::is_back, &errand_base::ignore};
    std::binary_semaphore back_{0};
};

/// Awaits a task that stays where it is.
template <class T>
class awaited_in_place : public awaiter_by_pointer<task<T>> {
public:
    using conduit_awaitable = void;
    using awaiter_by_pointer<task<T>>::awaiter_by_pointer;
};

template <class T>
class errand : public errand_base {
public:
    errand(scheduler& there, task<T> work, std::string_view name = "from another scheduler")
        : errand_base(there, name), work_(std::move(work)) {}

    /// What it returned; throws what it threw, and keeps no hold on that: the exception is then the
    /// business of one thread only.
    T take() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        return outcome_.take();
    }

protected:
    void free_task() noexcept override { work_.reset(); }

private:
    task<> run() override { return run_there(*this, way_back(this->shared_from_this())); }
    static task<> run_there(errand& self, way_back);

    void fail(std::exception_ptr why) noexcept override { failure_ = std::move(why); }

    std::optional<task<T>> work_;
    outcome_slot<T> outcome_;
    std::exception_ptr failure_;
};

template <class T>
task<> errand<T>::run_there(errand& self, way_back) {
    const presence here(self);
    try {
        self.expect_wanted();
        awaited_in_place<T> work(*self.work_);
        if constexpr (std::is_void_v<T>) {
            co_await within(self.deadline(), work);
        } else {
            T value = co_await within(self.deadline(), work);
            self.outcome_.return_value(std::move(value));
        }
    } catch (...) {
        self.fail(std::current_exception());
    }
    self.keep_outcome();
}

/// Waits at home for an errand; the part that does not depend on what it returns.
class errand_wait : public operation {
public:
    const char* name() const noexcept override { return "on another scheduler"; }
    void cancel() noexcept override { errand_->request_stop(where()->why_stopped()); }

protected:
    explicit errand_wait(std::shared_ptr<errand_base> awaited) noexcept
        : errand_(std::move(awaited)) {}
    errand_wait(errand_wait&&) noexcept = default;
    ~errand_wait() {
        if (is_waiting()) errand_->abandon();
    }

private:
    progress start() override;

    std::shared_ptr<errand_base> errand_;
};

template <class T>
class errand_operation final : public errand_wait {
public:
    explicit errand_operation(const std::shared_ptr<errand<T>>& awaited) noexcept
        : errand_wait(awaited), awaited_(awaited.get()) {}
    errand_operation(errand_operation&&) noexcept = default;

    T await_resume() {
        if (failed()) throw std::system_error(error());
        return awaited_->take();
    }

private:
    errand<T>* awaited_;
};

template <class T>
task<T> on(scheduler& there, task<T> work) {
    task<T> own = std::move(work);
    if (&there == &scheduler::current()) co_return co_await std::move(own);
    errand_operation<T> back(std::make_shared<errand<T>>(there, std::move(own)));
    co_return co_await back;
}

}  // namespace conduit
