// SPDX-License-Identifier: BSL-1.0
//
// Where a coroutine leaves what it returned or threw, for whoever awaits it. A part of promises;
// users meet it as the value or the exception of a co_await.
//
//     struct promise_type : promise_base, outcome_slot<T> { ... };

#pragma once

#include <conduit/runtime/assert.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace conduit {

/// A T, or the exception that came instead.
template <class T>
class outcome_slot {
    static_assert(!std::is_reference_v<T>, "a task returns a value; return a pointer instead");

public:
    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    void fail(std::exception_ptr why) noexcept { failure_ = std::move(why); }

    T take() {
        if (failure_) std::rethrow_exception(failure_);
        CONDUIT_ASSERT(value_.has_value(), "a result was taken before there was one");
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
    std::exception_ptr failure_;
};

template <>
class outcome_slot<void> {
public:
    void return_void() noexcept {}
    void fail(std::exception_ptr why) noexcept { failure_ = std::move(why); }
    void take() {
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    std::exception_ptr failure_;
};

}  // namespace conduit
