// SPDX-License-Identifier: BSL-1.0
//
// Calls a function that blocks or computes for long, on a thread of the scheduler's pool, while
// other tasks go on. What the kernel can wait for belongs into an operation on a handle instead
// (io_handle.hpp); a task for another scheduler into on.hpp.
//
//     auto parse = [path] { return parse_file(path); };   // named: in the await g++ 12 breaks it
//     auto parsed = co_await conduit::blocking(std::move(parse));
//     if (!parsed) co_return parsed.error();              // cancelled before a thread had begun
//     use(*parsed);

#pragma once

#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/outcome.hpp>
#include <conduit/runtime/result.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace conduit {

class blocking_work;
template <class Function>
class blocking_operation;

/// Waits until `function` was called on a thread of the pool; yields a result with what it
/// returned (a result<T> stays one), or throws what it threw.
///
/// A scheduler has a pool of up to scheduler_options::blocking_threads_max() threads, started on
/// demand, with all signals blocked. Calls beyond that wait in line, each in the task that made it:
/// the line is as long as there are such tasks, and needs no memory of its own. In a simulation the
/// function is called in place.
///
/// Cancelled before a thread has begun it yields errc::cancelled or errc::timed_out; once one has,
/// the wait lasts until the function returns. Destroying the task that waits abandons the function:
/// it runs to its end, what it returned is dropped. So it must own what it touches. It is destroyed
/// on the thread that called it. A scheduler's run() returns after its pool's threads have.
///
/// Fails with std::errc::resource_unavailable_try_again when not even one thread can be started.
template <class Function>
[[nodiscard]] blocking_operation<std::decay_t<Function>> blocking(Function&& function);

/// A function with what became of it.
class blocking_function {
public:
    blocking_function() noexcept = default;
    blocking_function(const blocking_function&) = delete;
    blocking_function& operator=(const blocking_function&) = delete;
    virtual ~blocking_function() = default;

    /// Calls the function, keeps what it returned or threw, and destroys the function.
    virtual void invoke() noexcept = 0;
};

/// Waits for a function on the pool; the part that does not depend on the function.
class blocking_wait : public operation {
public:
    const char* name() const noexcept override { return "blocking"; }
    void cancel() noexcept override;

protected:
    explicit blocking_wait(std::unique_ptr<blocking_function> function) noexcept
        : function_(std::move(function)) {}
    blocking_wait(blocking_wait&&) noexcept = default;
    ~blocking_wait();

private:
    friend class blocking_work;

    progress start() override;
    bool take_back() noexcept;

    std::unique_ptr<blocking_function> function_;  // not while it is with the pool
    blocking_work* work_ = nullptr;                // which owns itself
};

template <class Function>
class blocking_call final : public blocking_function {
public:
    using returned = std::remove_cv_t<std::invoke_result_t<Function&&>>;

    explicit blocking_call(Function&& function) : function_(std::move(function)) {}

    void invoke() noexcept override {
        try {
            if constexpr (std::is_void_v<returned>) {
                std::invoke(std::move(*function_));
            } else {
                outcome.return_value(std::invoke(std::move(*function_)));
            }
        } catch (...) {
            outcome.fail(std::current_exception());
        }
        function_.reset();
    }

    outcome_slot<returned> outcome;

private:
    std::optional<Function> function_;
};

template <class T>
struct result_around {
    using type = result<T>;
};
template <class T>
struct result_around<result<T>> {
    using type = result<T>;
};

template <class Function>
class blocking_operation final : public blocking_wait {
public:
    using call = blocking_call<Function>;
    using result_type = typename result_around<typename call::returned>::type;

    explicit blocking_operation(std::unique_ptr<call> made) noexcept
        : blocking_operation(*made, std::move(made)) {}
    blocking_operation(blocking_operation&&) noexcept = default;

    result_type await_resume() {
        if (failed()) return error();
        if constexpr (std::is_void_v<typename call::returned>) {
            call_->outcome.take();
            return {};
        } else {
            return call_->outcome.take();
        }
    }

private:
    blocking_operation(call& same, std::unique_ptr<call>&& made) noexcept
        : blocking_wait(std::move(made)), call_(&same) {}

    call* call_;
};

template <class Function>
blocking_operation<std::decay_t<Function>> blocking(Function&& function) {
    using call = blocking_call<std::decay_t<Function>>;
    return blocking_operation<std::decay_t<Function>>(
        std::make_unique<call>(std::decay_t<Function>(std::forward<Function>(function))));
}

}  // namespace conduit
