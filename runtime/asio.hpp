// SPDX-License-Identifier: BSL-1.0
//
// conduit inside an Asio program: one thread, two kinds of coroutines, each of which may await the
// other. A program without Asio wants run.hpp.
//
//     asio::io_context context(1);
//     conduit::asio_host host(context);                   // context.run() runs its tasks as well
//
//     int n = co_await conduit::asio_spawn(host, count(), asio::use_awaitable);   // in Asio
//     auto got = co_await socket.async_read_some(buffer, conduit::from_asio);     // in a task
//
// The second direction is from_asio.hpp, which comes along. Only who includes one of the two needs
// Asio: 1.22.1 or newer, without Boost, on epoll. conduit's libraries hold nothing by its names, so
// that the Asio of the program is the only one. Clang with an Asio that does not know its
// coroutines, as 1.22.1, needs -DASIO_HAS_CO_AWAIT=1 -DASIO_HAS_STD_COROUTINE=1 in the whole
// program for asio::awaitable; conduit does without.

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/from_asio.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#if defined(ASIO_HAS_IO_URING_AS_DEFAULT)
#error "conduit/runtime/asio.hpp needs Asio on epoll: do not define ASIO_DISABLE_EPOLL"
#endif

namespace conduit {

class asio_watch;

/// A scheduler that an asio::io_context runs. One thread at a time may run that context (asserted).
///
/// Each turn is short, and others of the context's handlers have theirs between two of them. The
/// host is work of the context: context.run() returns once request_stop() was called and all tasks
/// have ended, or the host was destroyed. When the context is stopped the tasks stand still, and
/// restarting it goes on with them.
///
/// Destroying the host destroys the tasks where they are suspended; each asio_spawn() that waited
/// for one of them then completes with errc::cancelled. It must be destroyed before the context,
/// which need not run any more, and not by a task of its own (asserted). So it belongs into main()
/// or an object of the program's: an Asio coroutine that awaits tasks of a host in its own frame
/// would own itself.
class asio_host {
public:
    /// The scheduler is on epoll whatever CONDUIT_BACKEND says. Throws std::system_error with
    /// std::errc::not_supported for options that ask for another backend.
    explicit asio_host(asio::io_context& context, scheduler_options options = {});
    asio_host(const asio_host&) = delete;
    asio_host& operator=(const asio_host&) = delete;
    ~asio_host();

    /// Where post(), guests() and on() lead to. From any thread as far as those allow it.
    conduit::scheduler& scheduler() noexcept;

    asio::io_context::executor_type get_executor() const noexcept;

    /// Asks all tasks to end and takes no new ones; returns at once. When the last has ended the
    /// host lets go of the context. From any thread.
    void request_stop();

private:
    std::shared_ptr<asio_watch> watch_;
};

/// How asio_spawn() completes: void(std::exception_ptr), with the T behind it unless that is void.
template <class T>
struct asio_spawn_signature {
    using type = void(std::exception_ptr, T);
};
template <>
struct asio_spawn_signature<void> {
    using type = void(std::exception_ptr);
};

template <class T>
class asio_spawn_initiation;

/// Runs a task on the host's scheduler. Completes, as Asio's own operations do, with what the task
/// returned or the exception it threw; an exception comes with an empty T, or for a type that has
/// none one made of errc::cancelled, such as a result.
///
/// The handler is posted to its executor, never called from here or from inside a task. Each kind
/// of per-operation cancellation is a stop request to the task; what the task then returns counts.
/// A task that never began, because the host is stopping or was asked to stop it, or that was
/// destroyed with the host, completes with errc::cancelled as std::system_error.
///
/// From any thread. The host must exist when this is called, or awaited where the token is lazy.
template <class T, class Token>
auto asio_spawn(asio_host& host, task<T> work, Token&& token) {
    return asio::async_initiate<Token, typename asio_spawn_signature<T>::type>(
        asio_spawn_initiation<T>(host), token, std::move(work));
}

/// Calls run_ready() whenever there is something to run. Handlers refer to it weakly, for some are
/// called after its end. All but the constructor is called by the context, and by the host's end.
class asio_watch final : public std::enable_shared_from_this<asio_watch> {
public:
    asio_watch(asio::io_context& context, const scheduler_options& options)
        : context_(context),
          scheduler_(options),
          timer_(context),
          readable_(context, scheduler_.native_handle()) {}
    asio_watch(const asio_watch&) = delete;
    asio_watch& operator=(const asio_watch&) = delete;
    ~asio_watch() { readable_.release(); }  // it is the scheduler's, which closes it

    conduit::scheduler& scheduler() noexcept { return scheduler_; }
    asio::io_context& context() noexcept { return context_; }

    /// The next turn comes after the handlers that are ready now.
    void post_turn() {
        asio::post(context_, handler(*this, &asio_watch::take_posted_turn));
        is_posted_ = true;
    }

    /// Called by the scheduler.
    void stop() noexcept {
        is_stopping_ = true;
        scheduler_.guests().request_stop();
        scheduler_.inbox()->accept_work(false);
    }

private:
    /// Calls `what`, unless the wait was cancelled or the host has ended.
    class handler {
    public:
        handler(asio_watch& target, void (asio_watch::*what)())
            : target_(target.weak_from_this()), what_(what) {}
        void operator()(std::error_code error = {}) const {
            const std::shared_ptr<asio_watch> target = target_.lock();
            if (target != nullptr && !error) (*target.*what_)();
        }

    private:
        std::weak_ptr<asio_watch> target_;
        void (asio_watch::*what_)();
    };

    void turn() {
        CONDUIT_ASSERT(!is_in_turn_.exchange(true), "a context with a host has one runner");
        const bool more = scheduler_.run_ready();
        is_in_turn_ = false;
        if (more) {
            post_turn();
        } else if (has_ended()) {
            let_go();
        } else {
            sleep();
        }
    }

    // Nothing is lost between run_ready() and here: a wait on a descriptor that is readable already
    // completes. A timer that is due too early costs one turn, less than moving it each time.
    void sleep() {
        if (const clock::time_point due = scheduler_.next_deadline(); due < timer_due_) {
            timer_.expires_at(std::chrono::steady_clock::time_point(due.time_since_epoch()));
            timer_.async_wait(handler(*this, &asio_watch::timer_fired));
            timer_due_ = due;
        }
        if (is_watching_) return;
        readable_.async_wait(readable_.wait_read, handler(*this, &asio_watch::became_readable));
        is_watching_ = true;
    }

    void take_posted_turn() {
        is_posted_ = false;
        turn();
    }
    void timer_fired() {
        timer_due_ = clock::time_point::max();
        wake_up();
    }
    void became_readable() {
        is_watching_ = false;
        wake_up();
    }
    void wake_up() {
        if (!is_posted_ && !has_let_go_) turn();
    }

    bool has_ended() noexcept {
        return is_stopping_ && scheduler_.counters().tasks_live.value() == 0 &&
               scheduler_.inbox()->close_if_empty();
    }

    void let_go() {
        has_let_go_ = true;
        timer_.cancel();
        readable_.cancel();
    }

    asio::io_context& context_;
    conduit::scheduler scheduler_;
    asio::steady_timer timer_;
    asio::posix::stream_descriptor readable_;
    clock::time_point timer_due_ = clock::time_point::max();
    bool is_posted_ = false;
    bool is_watching_ = false;
    std::atomic<bool> is_in_turn_{false};
    bool is_stopping_ = false;
    bool has_let_go_ = false;
};

inline asio_host::asio_host(asio::io_context& context, scheduler_options options) {
    if (options.backend() == backend_kind::automatic) options.backend(backend_kind::epoll);
    watch_ = std::make_shared<asio_watch>(context, options);
    watch_->post_turn();
}

inline asio_host::~asio_host() {
    CONDUIT_ASSERT(loop::current == nullptr || loop::current->owner != &scheduler(),
                   "an asio_host was destroyed by a task that it runs");
}

inline conduit::scheduler& asio_host::scheduler() noexcept { return watch_->scheduler(); }

inline asio::io_context::executor_type asio_host::get_executor() const noexcept {
    return watch_->context().get_executor();
}

inline void asio_host::request_stop() {
    asio_watch* const watch = watch_.get();  // the function is called by its scheduler, or never
    static_cast<void>(scheduler().post([watch] { watch->stop(); }));
}

/// A task on its way to a host, in it, and back to the handler's executor.
template <class T, class Handler>
class asio_errand final : public errand<T> {
public:
    asio_errand(asio_host& host, task<T> work, Handler&& handler)
        : errand<T>(host.scheduler(), std::move(work), "from Asio"),
          handler_(std::move(handler)),
          executor_(asio::make_work_guard(handler_, host.get_executor())) {}

    void begin() {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.assign(stop_request(this->weak_from_this()));
        if (!this->depart(nullptr, clock::time_point::max())) this->never_began();
    }

private:
    /// Made on whichever thread emits the signal, which may outlive the errand.
    class stop_request {
    public:
        explicit stop_request(std::weak_ptr<errand_base> target) noexcept
            : target_(std::move(target)) {}
        void operator()(asio::cancellation_type type) const {
            const std::shared_ptr<errand_base> target = target_.lock();
            if (target == nullptr || type == asio::cancellation_type::none) return;
            target->request_stop(stop_reason::cancelled);
        }

    private:
        std::weak_ptr<errand_base> target_;
    };

    class completion {
    public:
        explicit completion(std::shared_ptr<asio_errand> done) noexcept : done_(std::move(done)) {}
        void operator()() { complete(std::move(done_)); }

    private:
        std::shared_ptr<asio_errand> done_;
    };

    // Asio's post() touches the context after the handler can have run, and a context that is run
    // until it has no work left is often destroyed then: one more piece of work keeps it there.
    void send_back() noexcept override {
        this->free_task();
        const auto posting = executor_;
        asio::post(executor_.get_executor(),
                   completion(std::static_pointer_cast<asio_errand>(this->shared_from_this())));
    }

    static void complete(std::shared_ptr<asio_errand> done) {
        auto slot = asio::get_associated_cancellation_slot(done->handler_);
        if (slot.is_connected()) slot.clear();
        Handler handler = std::move(done->handler_);
        done->executor_.reset();
        std::exception_ptr failure;
        if constexpr (std::is_void_v<T>) {
            try {
                done->take();
            } catch (...) {
                failure = std::current_exception();
            }
            done.reset();
            std::move(handler)(std::move(failure));
        } else {
            T value = done->take_or_empty(failure);
            done.reset();
            std::move(handler)(std::move(failure), std::move(value));
        }
    }

    T take_or_empty(std::exception_ptr& failure) {
        try {
            return this->take();
        } catch (...) {
            failure = std::current_exception();
        }
        if constexpr (std::default_initializable<T>) {
            return T();
        } else {
            static_assert(std::constructible_from<T, errc>,
                          "asio_spawn() has to make a T where there is none: give it a default "
                          "constructor, or return a result or an optional");
            return T(errc::cancelled);
        }
    }

    Handler handler_;
    asio::executor_work_guard<asio::associated_executor_t<Handler, asio::io_context::executor_type>>
        executor_;
};

template <class T>
class asio_spawn_initiation {
public:
    using executor_type = asio::io_context::executor_type;

    explicit asio_spawn_initiation(asio_host& host) noexcept : host_(&host) {}
    executor_type get_executor() const noexcept { return host_->get_executor(); }

    template <class Handler>
    void operator()(Handler&& handler, task<T> work) const {
        using errand_type = asio_errand<T, std::decay_t<Handler>>;
        std::decay_t<Handler> own(std::forward<Handler>(handler));
        std::make_shared<errand_type>(*host_, std::move(work), std::move(own))->begin();
    }

private:
    asio_host* host_;
};

}  // namespace conduit
