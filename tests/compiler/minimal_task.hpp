// SPDX-License-Identifier: BSL-1.0
//
// The smallest lazy task, and an object that notices when it is destroyed twice. The programs of
// this folder use nothing else: what they show is the compiler's doing and not the library's.

#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

namespace probe {

/// Counts constructions minus destructions: 0 at the end if the compiler keeps the books.
class counted {
public:
    explicit counted(int value) noexcept : value_(value) { ++live; }
    counted(const counted& other) noexcept : value_(other.value_) { ++live; }
    counted(counted&& other) noexcept : value_(other.value_) { ++live; }
    counted& operator=(const counted&) noexcept = default;
    ~counted() { --live; }

    [[nodiscard]] int value() const noexcept { return value_; }

    inline static int live = 0;

private:
    int value_;
};

/// Lazy, resumed by symmetric transfer, rethrows nothing: an exception ends the program.
template <class T>
class task {
public:
    struct promise_type {
        std::coroutine_handle<> awaiter = std::noop_coroutine();
        std::optional<T> value;

        struct final_awaiter {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) noexcept {
                return self.promise().awaiter;
            }
            void await_resume() noexcept {}
        };

        task get_return_object() { return task(handle::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        final_awaiter final_suspend() noexcept { return {}; }
        void return_value(T result) { value.emplace(std::move(result)); }
        void unhandled_exception() { std::terminate(); }
    };
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle self) noexcept : self_(self) {}
    task(task&& other) noexcept : self_(std::exchange(other.self_, {})) {}
    task& operator=(task&&) = delete;
    ~task() {
        if (self_) self_.destroy();
    }

    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
        self_.promise().awaiter = awaiter;
        return self_;
    }
    T await_resume() { return std::move(*self_.promise().value); }

    /// Runs a task that never really waits; nothing if it was left unfinished.
    std::optional<T> run() {
        self_.resume();
        return self_.done() ? std::move(self_.promise().value) : std::nullopt;
    }

private:
    handle self_;
};

/// A generator of the smallest kind.
template <class T>
class sequence {
public:
    struct promise_type {
        std::optional<T> current;

        sequence get_return_object() { return sequence(handle::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(T value) {
            current.emplace(std::move(value));
            return {};
        }
        void return_void() noexcept {}
        void unhandled_exception() { std::terminate(); }
    };
    using handle = std::coroutine_handle<promise_type>;

    explicit sequence(handle self) noexcept : self_(self) {}
    sequence(sequence&& other) noexcept : self_(std::exchange(other.self_, {})) {}
    sequence& operator=(sequence&&) = delete;
    ~sequence() {
        if (self_) self_.destroy();
    }

    int count() {
        int items = 0;
        for (self_.resume(); !self_.done(); self_.resume()) {
            ++items;
        }
        return items;
    }

private:
    handle self_;
};

struct test {
    const char* name;
    bool (*passes)();
};

/// Runs the test of that name: exit code 0 if it passes, 1 if not, 2 if there is none.
template <class Tests>
int run_by_name(const Tests& tests, std::string_view name) {
    for (const test& one : tests) {
        if (name == one.name) {
            const bool passed = one.passes() && counted::live == 0;
            return passed ? 0 : 1;
        }
    }
    return 2;
}

}  // namespace probe
