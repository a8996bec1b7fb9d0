// SPDX-License-Identifier: BSL-1.0
//
// A stream is a procedure that yields many values and may wait between them: an asynchronous
// generator. For one value use task.hpp; for bytes through a descriptor see the channels layer.
//
//     conduit::stream<int> countdown(int from) {
//         for (; from > 0; --from) co_yield from;
//     }
//     auto numbers = countdown(3);
//     while (auto n = co_await numbers.next()) use(*n);   // 3, 2, 1

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/foreign.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/loop.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace conduit {

/// `co_yield failed(e)` makes one next() throw `e` while the stream lives on.
class failed {
public:
    explicit failed(std::exception_ptr why) noexcept : why_(std::move(why)) {}

    /// Makes the failure from an exception object.
    template <class Exception>
    static failed with(const Exception& exception) {
        return failed(std::make_exception_ptr(exception));
    }

    std::exception_ptr why() const noexcept { return why_; }

private:
    std::exception_ptr why_;
};

/// A lazy coroutine that yields any number of T.
///
/// Owns its frame; destroying the stream is how a consumer abandons it. One next() at a time; one
/// that is destroyed in the middle of a wait takes the body with it and leaves the stream empty.
/// The body runs in the context of whoever awaits next(), so a deadline set there is felt by the
/// waits inside. No task_scope may be open over a co_yield (asserted).
template <class T>
class [[nodiscard]] stream {
public:
    struct promise_type;
    class next_awaiter;
    using value_type = T;

    /// An empty stream: next() yields nothing.
    stream() noexcept = default;
    stream(stream&& other) noexcept : handle_(std::exchange(other.handle_, {})) { own(); }
    stream& operator=(stream&& other) noexcept {
        std::swap(handle_, other.handle_);
        own();
        other.own();
        return *this;
    }
    ~stream() {
        if (!handle_) return;
        CONDUIT_ASSERT(!handle_.promise().awaited, "a stream was destroyed while next() waits");
        handle_.destroy();
    }

    /// Runs the body to its next co_yield. Yields the value, or nothing once the body has returned;
    /// throws what the body threw, once, and yields nothing from then on.
    next_awaiter next() noexcept { return next_awaiter(handle_); }

private:
    explicit stream(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {
        own();
    }
    void own() noexcept {
        if (handle_) handle_.promise().owner = this;
    }

    std::coroutine_handle<promise_type> handle_;
};

template <class T>
class [[nodiscard]] stream<T>::next_awaiter {
public:
    using conduit_awaitable = void;

    next_awaiter(next_awaiter&& other) noexcept : producer_(other.producer_) {
        CONDUIT_ASSERT(!other.suspended_, "next() was moved after it had begun");
    }
    /// Destroyed while it waits: the body stands in a context of the consumer's, which goes now,
    /// and nobody is left to go on after it. So the body goes first, and the stream is empty.
    ~next_awaiter() {
        if (!suspended_) return;
        producer_.promise().owner->handle_ = {};
        producer_.destroy();
    }

    bool await_ready() const noexcept { return !producer_ || producer_.done(); }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> consumer) noexcept {
        loop& l = loop::running();
        promise_type& promise = producer_.promise();
        CONDUIT_ASSERT(!promise.awaited, "one next() at a time");
        promise.parent = &consumer.promise();
        promise.entered = l.context;
        promise.awaited = suspended_ = true;
        if (l.spend()) [[likely]]
            return producer_;
        return l.step_back(promise);
    }
    std::optional<T> await_resume() {
        if (!producer_) return std::nullopt;
        promise_type& promise = producer_.promise();
        promise.awaited = suspended_ = false;
        if (promise.failure) std::rethrow_exception(std::exchange(promise.failure, nullptr));
        if (producer_.done()) return std::nullopt;
        return std::optional<T>(std::move(*promise.item));
    }

private:
    friend class stream;
    explicit next_awaiter(std::coroutine_handle<promise_type> producer) noexcept
        : producer_(producer) {}

    std::coroutine_handle<promise_type> producer_;
    bool suspended_ = false;
};

template <class T>
struct stream<T>::promise_type : promise_base {
    /// Keeps a copy of a yielded lvalue while the consumer looks at it. Its address is taken when
    /// it is suspended: g++ 12 returns a trivially copyable awaiter in registers.
    class kept_copy : public resume_parent {
    public:
        explicit kept_copy(const T& value) : value_(value) {}
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> producer) noexcept {
            producer.promise().item = &value_;
            return resume_parent::await_suspend(producer);
        }

    private:
        T value_;
    };

    stream get_return_object() noexcept { return stream(handle_of(*this)); }
    resume_parent final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { failure = std::current_exception(); }

    resume_parent yield_value(T&& value) noexcept {
        leave();
        item = &value;
        return {};
    }
    kept_copy yield_value(const T& value) {
        leave();
        return kept_copy(value);
    }
    resume_parent yield_value(const failed& why) noexcept {
        leave();
        failure = why.why();
        return {};
    }
    void leave() const noexcept {
        // clang 19's analyser does not see that a promise is constructed.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
        CONDUIT_ASSERT(loop::running().context == entered,
                       "a task_scope is open over a co_yield: join it before");
    }

    T* item = nullptr;
    std::exception_ptr failure;
    context* entered = nullptr;
    stream* owner = nullptr;
    bool awaited = false;
};

}  // namespace conduit
