// SPDX-License-Identifier: BSL-1.0
//
// A value, or the reason why there is none. Every operation on a handle yields one, because what
// the world does at a descriptor is daily business; exceptions are for what cannot be carried on
// from. Shaped like std::expected<T, std::error_code>, which needs C++23. Another reason than an
// error code is an exception type, such as rpc::fault: value() throws it.
//
//     auto got = co_await in.read_some(buffer);
//     if (!got) co_return got.error();
//     use(buffer, *got);

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/error.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace conduit {

/// Throws what stands for `reason`.
[[noreturn]] inline void throw_reason(std::error_code reason) { throw std::system_error(reason); }
template <std::derived_from<std::exception> Exception>
[[noreturn]] void throw_reason(const Exception& reason) {
    throw reason;
}

/// Whether `reason` is one: an error code of zero is none.
inline bool is_reason(std::error_code reason) noexcept { return static_cast<bool>(reason); }
inline bool is_reason(const std::exception& /*reason*/) noexcept { return true; }

/// Holds a T or an Error: a std::error_code that is not zero, or an exception. Ignoring one is a
/// compiler warning.
template <class T, class Error = std::error_code>
class [[nodiscard]] result {
    static_assert(!std::is_same_v<T, Error>, "a result's value and its error are told by type");
    static_assert(!std::is_reference_v<T>, "a result holds a value, not a reference");

public:
    using value_type = T;
    using error_type = Error;

    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    result(Error error) : held_(std::in_place_index<1>, std::move(error)) {
        CONDUIT_ASSERT(is_reason(*std::get_if<1>(&held_)), "an error code of zero is no reason");
    }
    result(errc error)
        requires std::same_as<Error, std::error_code>
        : result(make_error_code(error)) {}

    bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value; asserts that there is one.
    T& operator*() & { return checked(*this); }
    const T& operator*() const& { return checked(*this); }
    T&& operator*() && { return std::move(checked(*this)); }
    T* operator->() { return &checked(*this); }
    const T* operator->() const { return &checked(*this); }

    /// The value; throws std::system_error, or the error itself where it is an exception, when
    /// there is none. For mains, examples and tests.
    T& value() & { return thrown_or_value(*this); }
    const T& value() const& { return thrown_or_value(*this); }
    T&& value() && { return std::move(thrown_or_value(*this)); }

    template <class U>
    T value_or(U&& otherwise) const& {
        return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }

    /// The reason, or a zero code when there is a value.
    std::error_code error() const noexcept
        requires std::same_as<Error, std::error_code>
    {
        const std::error_code* reason = std::get_if<1>(&held_);
        return reason != nullptr ? *reason : std::error_code();
    }

    /// The reason; asserts that there is one.
    const Error& error() const
        requires(!std::same_as<Error, std::error_code>)
    {
        const Error* reason = std::get_if<1>(&held_);
        CONDUIT_ASSERT(reason != nullptr, "a result with a value was asked for its error");
        return *reason;
    }

private:
    template <class Self>
    static auto& checked(Self& self) {
        auto* value = std::get_if<0>(&self.held_);
        CONDUIT_ASSERT(value != nullptr, "a result without a value was dereferenced");
        return *value;
    }

    template <class Self>
    static auto& thrown_or_value(Self& self) {
        if (!self.has_value()) throw_reason(*std::get_if<1>(&self.held_));
        return checked(self);
    }

    std::variant<T, Error> held_;
};

/// Success, or the reason why not.
template <>
class [[nodiscard]] result<void> {
public:
    using value_type = void;
    using error_type = std::error_code;

    result() noexcept = default;
    result(std::error_code error) noexcept : error_(error) {
        CONDUIT_ASSERT(error, "an error code of zero is no reason");
    }
    result(errc error) : result(make_error_code(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {
        if (error_) throw_reason(error_);
    }
    std::error_code error() const noexcept { return error_; }

private:
    std::error_code error_;
};

/// Success, or an exception that says why not.
template <std::derived_from<std::exception> Exception>
class [[nodiscard]] result<void, Exception> {
public:
    using value_type = void;
    using error_type = Exception;

    result() noexcept = default;
    result(Exception error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {
        if (error_) throw_reason(*error_);
    }
    /// The reason; asserts that there is one.
    const Exception& error() const {
        CONDUIT_ASSERT(error_.has_value(), "a result of success was asked for its error");
        return *error_;
    }

private:
    std::optional<Exception> error_;
};

}  // namespace conduit
