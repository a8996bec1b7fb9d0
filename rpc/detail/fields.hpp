// SPDX-License-Identifier: BSL-1.0
//
// What an aggregate consists of, found out by the compiler: how many members, references to them,
// their types and their names. Nobody writes a macro for it. binder.hpp has the bindings.
//
//     struct point { int x, y; };
//     static_assert(field_count<point> == 2 && field_name<point, 1>() == "y");
//     with_fields(p, [](auto&... member) { (use(member), ...); });

#pragma once

#include <conduit/rpc/detail/binder.hpp>

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace conduit::rpc::detail {

template <class... T>
struct type_list {
    static constexpr std::size_t size = sizeof...(T);
};

/// Initialises a member of any type, on paper.
struct anything {
    template <class T>
    operator T() const;
};

/// Initialises a base class, on paper.
template <class Derived>
struct any_base_of {
    template <class T>
        requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>)
    operator T() const;
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
    return requires { T{(static_cast<void>(I), anything())...}; };
}

// The largest number of initialisers in [Low, High); each smaller one is taken as well.
template <class T, std::size_t Low, std::size_t High>
constexpr std::size_t count_initialisers() {
    if constexpr (Low + 1 == High) {
        return Low;
    } else {
        constexpr std::size_t middle = (Low + High) / 2;
        if constexpr (takes<T>(std::make_index_sequence<middle>())) {
            return count_initialisers<T, middle, High>();
        } else {
            return count_initialisers<T, Low, middle>();
        }
    }
}

/// How many members an aggregate without bases and C arrays has; fields_max + 1 for any more.
template <class T>
inline constexpr std::size_t field_count = count_initialisers<T, 0, fields_max + 2>();

template <class T>
constexpr bool has_base() {
    return requires { T{any_base_of<T>()}; };
}

// In braces an array without braces of its own takes an initialiser for each of its elements, so
// that they outnumber the members; in parentheses it takes none.
template <class T, std::size_t... I>
constexpr bool has_c_array(std::index_sequence<I...>) {
    return sizeof...(I) > 1 && !requires { T((static_cast<void>(I), anything())...); };
}

template <class T, class F>
[[gnu::always_inline]] constexpr decltype(auto) with_fields(T& value, F&& f) {
    return binder<field_count<std::remove_const_t<T>>>::bind(value, std::forward<F>(f));
}

struct to_types {
    template <class... T>
    type_list<T...> operator()(T&...) const;  // const members stay const
};

template <class T>
using field_types = decltype(with_fields(std::declval<T&>(), to_types()));

/// Never defined: there are only addresses of its members, as template arguments.
template <class T>
struct outside {
    T value;
};
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif
template <class T>
extern const outside<T> outside_object;

struct to_addresses {
    template <class... T>
    constexpr auto operator()(T&... member) const {
        return std::tuple<T*...>(&member...);
    }
};

template <class T, std::size_t I>
constexpr auto field_address() {
    return std::get<I>(with_fields(outside_object<T>.value, to_addresses()));
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

// g++: "... [with auto Member = (& outside_object<T>.outside<T>::value.T::name); ...]"
// clang: "... [Member = &outside_object.value.name]"
template <auto Member>
constexpr std::string_view spelling() {
    const std::string_view text = __PRETTY_FUNCTION__;
#ifdef __clang__
    const std::size_t end = text.rfind(']');
#else
    const std::size_t end = text.rfind(");");
#endif
    const std::size_t begin = text.find_last_of(".:", end) + 1;
    return text.substr(begin, end - begin);
}

/// The name of a member, as it is written in the struct.
template <class T, std::size_t I>
constexpr std::string_view field_name() {
    return spelling<field_address<T, I>()>();
}

}  // namespace conduit::rpc::detail
