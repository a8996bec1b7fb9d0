// SPDX-License-Identifier: BSL-1.0
//
// The enumerators of an enum, found out by the compiler: how each number is called. Nobody writes a
// table for it. What an aggregate consists of is in fields.hpp.
//
//     enum class colour : std::uint8_t { red, green };
//     static_assert(enumerator_name<colour::green>() == "green");
//     static_assert(dense_enumerators<colour> == 2);

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

// g++: "... [with auto Value = a::colour::green; std::string_view = ...]", or "(a::colour)77"
// clang: "... [Value = a::colour::green]", or "(a::colour)77"; and "(anonymous namespace)::"
/// As it is written in the enum; empty for a number without a name.
template <auto Value>
constexpr std::string_view enumerator_name() {
    std::string_view text = __PRETTY_FUNCTION__;
    text.remove_prefix(text.find("Value = ") + std::string_view("Value = ").size());
#ifdef __clang__
    text = text.substr(0, text.rfind(']'));
#else
    text = text.substr(0, text.find(';'));
#endif
    text = text.substr(text.find_last_of(":)") + 1);
    const bool is_number = text.empty() || text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    return is_number ? std::string_view() : text;
}

template <class E, std::size_t From = 0>
constexpr std::size_t count_dense() {
    if constexpr (enumerator_name<static_cast<E>(From)>().empty()) {
        return From;
    } else {
        return count_dense<E, From + 1>();
    }
}

/// How many there are of an enum that counts from 0 without a gap.
template <class E>
inline constexpr std::size_t dense_enumerators = count_dense<E>();

template <class E, std::size_t... I>
constexpr auto names_of_dense(std::index_sequence<I...> /*numbers*/) {
    return std::array<std::string_view, sizeof...(I)>{enumerator_name<static_cast<E>(I)>()...};
}
/// Their names, by number.
template <class E>
inline constexpr auto dense_names =
    names_of_dense<E>(std::make_index_sequence<dense_enumerators<E>>());

struct enumerator {
    std::string_view name;
    std::int64_t number;
};

/// Whether any number of the underlying type may be a value: only those can be tried.
template <class E>
concept scannable_enum =
    std::is_enum_v<E> && !std::is_same_v<std::underlying_type_t<E>, bool> && requires { E{0}; };

inline constexpr std::int64_t scanned_least = -128;
inline constexpr std::int64_t scanned_most = 255;

template <class E, std::int64_t Number>
bool add_enumerator(std::vector<enumerator>& to) {
    using number_type = std::underlying_type_t<E>;
    constexpr bool fits = std::in_range<number_type>(Number);
    if constexpr (fits) {
        constexpr std::string_view name =
            enumerator_name<static_cast<E>(static_cast<number_type>(Number))>();
        if (!name.empty()) to.push_back({name, Number});
    }
    return true;
}

/// All of an enum with a fixed underlying type whose numbers are -128 to 255 or a power of two.
template <scannable_enum E>
std::vector<enumerator> enumerators_of() {
    std::vector<enumerator> found;
    [&]<std::size_t... I>(std::index_sequence<I...> /*numbers*/) {
        // Not a fold: clang nests those 256 deep at most.
        const bool done[] = {
            add_enumerator<E, static_cast<std::int64_t>(I) + scanned_least>(found)...};
        static_cast<void>(done);
    }(std::make_index_sequence<scanned_most - scanned_least + 1>());
    [&]<std::size_t... I>(std::index_sequence<I...> /*bits*/) {
        (add_enumerator<E, (std::int64_t{1} << (I + 8))>(found), ...);
    }(std::make_index_sequence<55>());
    return found;
}

}  // namespace conduit::rpc::detail
