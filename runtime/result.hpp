// SPDX-License-Identifier: BSL-1.0
//
// A value, or the reason why there is none. Every operation on a handle yields one, because what
// the world does at a descriptor is daily business; exceptions are for what cannot be carried on
// from. Shaped like std::expected<T, std::error_code>, which needs C++23.
//
//     auto got = co_await in.read_some(buffer);
//     if (!got) co_return got.error();
//     use(buffer, *got);

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/error.hpp>

#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace conduit {

/// Holds a T or a std::error_code that is not zero. Ignoring one is a compiler warning.
template <class T>
class [[nodiscard]] result {
    static_assert(!std::is_same_v<T, std::error_code>, "a result's value cannot be an error code");
    static_assert(!std::is_reference_v<T>, "a result holds a value, not a reference");

public:
    using value_type = T;
    using error_type = std::error_code;

    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    result(std::error_code error) : held_(std::in_place_index<1>, error) {
        CONDUIT_ASSERT(error, "an error code of zero is no reason");
    }
    result(errc error) : result(make_error_code(error)) {}

    bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value; asserts that there is one.
    T& operator*() & { return checked(*this); }
    const T& operator*() const& { return checked(*this); }
    T&& operator*() && { return std::move(checked(*this)); }
    T* operator->() { return &checked(*this); }
    const T* operator->() const { return &checked(*this); }

    /// The value; throws std::system_error when there is none. For mains, examples and tests.
    T& value() & { return thrown_or_value(*this); }
    const T& value() const& { return thrown_or_value(*this); }
    T&& value() && { return std::move(thrown_or_value(*this)); }

    template <class U>
    T value_or(U&& otherwise) const& {
        return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }

    /// The reason, or a zero code when there is a value.
    std::error_code error() const noexcept {
        const std::error_code* reason = std::get_if<1>(&held_);
        return reason != nullptr ? *reason : std::error_code();
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
        if (!self.has_value()) throw std::system_error(self.error());
        return checked(self);
    }

    std::variant<T, std::error_code> held_;
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
        if (error_) throw std::system_error(error_);
    }
    std::error_code error() const noexcept { return error_; }

private:
    std::error_code error_;
};

}  // namespace conduit
