// SPDX-License-Identifier: BSL-1.0
//
// What a method's signature says about its calls, and why it is refused where it cannot be one.

#pragma once

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace conduit::rpc::detail {

template <class T>
inline constexpr bool is_stream_v = false;
template <class T>
inline constexpr bool is_stream_v<stream<T>> = true;

/// Whether messages of T, or of its items, take a handle along.
template <class T>
inline constexpr bool has_handles_in_v = contains_handles_v<T>;
template <class T>
inline constexpr bool has_handles_in_v<stream<T>> = contains_handles_v<T>;
template <>
inline constexpr bool has_handles_in_v<void> = false;

/// What a method returns: `value` is void where nothing is sent back in one piece.
template <class R>
struct returned {
    static constexpr bool known = false;
    static constexpr bool streams = false;
    static constexpr bool one_way = false;
    using value = void;
    using item = void;
};
template <class T>
struct returned<task<T>> {
    static constexpr bool known = true;
    static constexpr bool streams = false;
    static constexpr bool one_way = false;
    using value = T;
    using item = void;
};
template <>
struct returned<task<rpc::one_way>> : returned<task<void>> {
    static constexpr bool one_way = true;
};
template <class T>
struct returned<stream<T>> : returned<task<void>> {
    static constexpr bool streams = true;
    using item = T;
};

/// Stands for the signature of a name that is no method, not accessible, or several.
struct unclear_method {};

enum class method_refusal : std::uint8_t { none, unclear, data, is_static, is_const, other };

template <class Signature>
struct signature {
    static constexpr method_refusal why = method_refusal::other;
};
template <>
struct signature<unclear_method> {
    static constexpr method_refusal why = method_refusal::unclear;
};
template <class R, class... A>
struct signature<R (*)(A...)> {
    static constexpr method_refusal why = method_refusal::is_static;
};
template <class R, class... A>
struct signature<R (*)(A...) noexcept> : signature<R (*)(A...)> {};
template <class T, class C>
    requires std::is_object_v<T>
struct signature<T C::*> {
    static constexpr method_refusal why = method_refusal::data;
};
template <class R, class C, class... A>
struct signature<R (C::*)(A...) const> {
    static constexpr method_refusal why = method_refusal::is_const;
};
template <class R, class C, class... A>
struct signature<R (C::*)(A...)> {
    static constexpr method_refusal why = method_refusal::none;
    static constexpr std::size_t parameters = sizeof...(A);
    static constexpr bool request_stream = (is_stream_v<A> || ...);
    using result = returned<R>;
};

/// Whether it is a method's, and one that can be called in another process.
template <class Signature>
inline constexpr bool is_clear = signature<Signature>::why == method_refusal::none;

/// How many names there are in "lhs, rhs".
constexpr std::size_t count_names(std::string_view names) noexcept {
    if (names.empty()) return 0;
    std::size_t count = 1;
    for (const char c : names) count += c == ',' ? 1 : 0;
    return count;
}

template <class A>
constexpr bool require_parameter() {
    static_assert(!std::is_reference_v<A>,
                  "conduit: a parameter of a method is a value: a reference would dangle, for a "
                  "task runs later than it is called");
    if constexpr (std::is_reference_v<A>) {
        return false;
    } else if constexpr (is_stream_v<A>) {
        return require_codable<typename A::value_type>();
    } else {
        return require_codable<std::remove_cv_t<A>>();
    }
}

template <class Result>
constexpr bool require_result() {
    static_assert(Result::known,
                  "conduit: a method returns conduit::task<T> or conduit::stream<T>");
    if constexpr (!std::is_void_v<typename Result::value>) {
        return require_codable<typename Result::value>();
    } else if constexpr (!std::is_void_v<typename Result::item>) {
        return require_codable<typename Result::item>();
    } else {
        return Result::known;
    }
}

template <class R, class C, class... A>
constexpr bool require_parts(R (C::*)(A...)) {
    constexpr int streams = (0 + ... + (is_stream_v<A> ? 1 : 0));
    static_assert(streams <= 1,
                  "conduit: a method takes at most one stream; send a struct or variant through "
                  "one, or make two methods");
    static_assert(!returned<R>::one_way || streams == 0,
                  "conduit: a one-way method takes no stream: nobody would wait for its end; "
                  "return task<void>");
    return (require_parameter<A>() && ... && require_result<returned<R>>());
}

/// Fails with a sentence where the method cannot be called in another process.
template <class Signature>
constexpr bool require_method() {
    constexpr method_refusal why = signature<Signature>::why;
    static_assert(why != method_refusal::unclear,
                  "conduit: a name in CONDUIT_INTERFACE is not one accessible member of the "
                  "class: misspelt, private, or overloaded; give each overload its own name");
    static_assert(why != method_refusal::data,
                  "conduit: a name in CONDUIT_INTERFACE is a data member, not a method");
    static_assert(why != method_refusal::is_static,
                  "conduit: a static method belongs to no object and cannot be called remotely");
    static_assert(why != method_refusal::is_const,
                  "conduit: a method of an interface is not const: what it changes is in another "
                  "process");
    static_assert(why != method_refusal::other,
                  "conduit: a method of an interface is virtual R name(A...) = 0, without "
                  "noexcept, volatile, & or trailing dots");
    if constexpr (why == method_refusal::none) {
        return require_parts(Signature());
    } else {
        return false;
    }
}

template <class Signature>
constexpr bool require_names(std::string_view names) {
    if constexpr (is_clear<Signature>) {
        return names.empty() || count_names(names) == signature<Signature>::parameters;
    } else {
        return true;  // refused for another reason
    }
}

/// Whether `name` can name an interface on the wire.
constexpr bool is_interface_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 128) return false;
    for (const char c : name) {
        const bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!good) return false;
    }
    return true;
}

/// Whether no name is there twice.
template <std::size_t N>
constexpr bool all_different(const std::string_view (&names)[N]) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (names[i] == names[j]) return false;
        }
    }
    return true;
}

}  // namespace conduit::rpc::detail
