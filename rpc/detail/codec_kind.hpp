// SPDX-License-Identifier: BSL-1.0
//
// Which types the codec knows, what each consists of, and why others are refused. Every other part
// of the codec, and the schema, asks here; docs/reference/encoding.md has the bytes of each kind.

#pragma once

#include <conduit/rpc/detail/fields.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace conduit::rpc {

template <class T>
struct representation;

}  // namespace conduit::rpc

namespace conduit::rpc::detail {

enum class kind : std::uint8_t {
    refused,
    boolean,
    scalar,  // integers, floating-point numbers, enums and std::byte: copied as they are
    string,
    block,  // a vector of scalars: copied in one go
    bits,   // std::vector<bool>
    vector,
    list,  // std::list
    array,
    map,
    set,
    optional,
    variant,
    tuple,
    structure,
    duration,
    time,
    handle,
    represented,  // has a representation<T>
};

// Why a type is refused, each with its sentence in require_codable().
enum class refusal : std::uint8_t {
    none,
    reference,
    constant,
    pointer,
    view,
    c_array,
    union_type,
    steady_time,
    has_base,
    too_many_fields,
    no_default,
    handle_in_key,
    unknown,
};

template <class T>
inline constexpr bool is_number_v =
    (std::is_integral_v<T> && sizeof(T) <= 8 && !std::is_same_v<T, wchar_t>) ||
    std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class T>
concept has_representation = requires { typename representation<T>::type; };

template <kind Kind, class... Parts>
struct shape {
    static constexpr kind value = Kind;
    using parts = type_list<Parts...>;
    static constexpr refusal why = refusal::none;
};

template <refusal Why>
struct refused : shape<kind::refused> {
    static constexpr refusal why = Why;
};

// A struct's shape, or why it has none; each question makes sense only after those before it.
template <class T>
constexpr auto shape_of_class() {
    if constexpr (!std::is_aggregate_v<T>) {
        return refused<refusal::unknown>();
    } else if constexpr (!std::is_default_constructible_v<T>) {
        return refused<refusal::no_default>();
    } else if constexpr (has_base<T>()) {
        return refused<refusal::has_base>();
    } else if constexpr (field_count<T> > 1 &&
                         has_c_array<T>(std::make_index_sequence<field_count<T>>())) {
        return refused<refusal::c_array>();
    } else if constexpr (field_count<T> > fields_max) {
        return refused<refusal::too_many_fields>();
    } else {
        return []<class... F>(type_list<F...>) {
            return shape<kind::structure, F...>();
        }(field_types<T>());
    }
}

template <class T>
constexpr auto shape_of_other() {
    if constexpr (std::is_reference_v<T>) {
        return refused<refusal::reference>();
    } else if constexpr (std::is_const_v<T> || std::is_volatile_v<T>) {
        return refused<refusal::constant>();
    } else if constexpr (has_representation<T>) {
        return shape<kind::represented, typename representation<T>::type>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return shape<kind::boolean>();
    } else if constexpr (std::is_enum_v<T> || is_number_v<T>) {
        return shape<kind::scalar>();
    } else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> ||
                         std::is_null_pointer_v<T>) {
        return refused<refusal::pointer>();
    } else if constexpr (std::is_array_v<T>) {
        return refused<refusal::c_array>();
    } else if constexpr (std::is_union_v<T>) {
        return refused<refusal::union_type>();
    } else if constexpr (std::is_class_v<T>) {
        return shape_of_class<T>();
    } else {
        return refused<refusal::unknown>();
    }
}

template <class T>
struct shape_of : decltype(shape_of_other<T>()) {};

template <class Traits, class A>
struct shape_of<std::basic_string<char, Traits, A>> : shape<kind::string> {};
template <class C, class Traits>
struct shape_of<std::basic_string_view<C, Traits>> : refused<refusal::view> {};
template <class T, std::size_t N>
struct shape_of<std::span<T, N>> : refused<refusal::view> {};
template <class T, class D>
struct shape_of<std::unique_ptr<T, D>> : refused<refusal::pointer> {};
template <class T>
struct shape_of<std::shared_ptr<T>> : refused<refusal::pointer> {};

template <class T>
inline constexpr bool is_block_v = shape_of<T>::value == kind::scalar;

template <class T, class A>
struct shape_of<std::vector<T, A>> : shape<is_block_v<T> ? kind::block : kind::vector, T> {};
template <class A>
struct shape_of<std::vector<bool, A>> : shape<kind::bits, bool> {};
template <class T, class A>
struct shape_of<std::list<T, A>> : shape<kind::list, T> {};
template <class T, std::size_t N>
struct shape_of<std::array<T, N>> : shape<kind::array, T> {};

template <class K, class V, class C, class A>
struct shape_of<std::map<K, V, C, A>> : shape<kind::map, K, V> {};
template <class K, class V, class H, class E, class A>
struct shape_of<std::unordered_map<K, V, H, E, A>> : shape<kind::map, K, V> {};
template <class K, class C, class A>
struct shape_of<std::set<K, C, A>> : shape<kind::set, K> {};
template <class K, class H, class E, class A>
struct shape_of<std::unordered_set<K, H, E, A>> : shape<kind::set, K> {};

template <class T>
struct shape_of<std::optional<T>> : shape<kind::optional, T> {};
template <class... T>
struct shape_of<std::variant<T...>> : shape<kind::variant, T...> {};
template <>
struct shape_of<std::monostate> : shape<kind::tuple> {};
template <class... T>
struct shape_of<std::tuple<T...>> : shape<kind::tuple, T...> {};
template <class A, class B>
struct shape_of<std::pair<A, B>> : shape<kind::tuple, A, B> {};

template <class R, class P>
    requires std::is_arithmetic_v<R>
struct shape_of<std::chrono::duration<R, P>> : shape<kind::duration> {};
template <class D>
    requires(shape_of<D>::value == kind::duration)
struct shape_of<std::chrono::time_point<std::chrono::system_clock, D>> : shape<kind::time> {};
template <class C, class D>
struct shape_of<std::chrono::time_point<C, D>> : refused<refusal::steady_time> {};
template <>
struct shape_of<unique_fd> : shape<kind::handle> {};

template <class T>
inline constexpr kind kind_of = shape_of<T>::value;
template <class T>
using parts_of = typename shape_of<T>::parts;

// --- questions about all that a type consists of -----------------------------------------------

// The classes on the way down; a type that contains itself says nothing new the second time.
template <class T, class Seen>
struct seen_before;
template <class T, class... Seen>
struct seen_before<T, type_list<Seen...>> : std::bool_constant<(std::is_same_v<T, Seen> || ...)> {};

template <class T, class Seen>
struct and_seen;
template <class T, class... Seen>
struct and_seen<T, type_list<Seen...>> {
    static constexpr bool may_recur =
        kind_of<T> == kind::structure || kind_of<T> == kind::represented;
    using type = std::conditional_t<may_recur, type_list<T, Seen...>, type_list<Seen...>>;
};

/// Whether Is<T>::value holds for the type or anything that it consists of.
template <template <class> class Is, class T, class Seen = type_list<>>
constexpr bool any_part() {
    if constexpr (seen_before<T, Seen>::value) {
        return false;
    } else if constexpr (Is<T>::value) {
        return true;
    } else {
        return []<class... P>(type_list<P...>) {
            return (any_part<Is, P, typename and_seen<T, Seen>::type>() || ...);
        }(parts_of<T>());
    }
}

template <class T>
struct same_as {
    template <class U>
    using test = std::is_same<T, U>;
};

/// Whether the type contains itself, so that only the bytes say how deep its values go.
template <class T>
inline constexpr bool is_recursive_v = []<class... P>(type_list<P...>) {
    return (any_part<same_as<T>::template test, P>() || ...);
}(parts_of<T>());

template <class T>
struct is_handle : std::bool_constant<kind_of<T> == kind::handle> {};

template <class T>
inline constexpr bool has_handles_v = any_part<is_handle, T>();

template <class T>
constexpr refusal refusal_of() {
    if constexpr (kind_of<T> == kind::map || kind_of<T> == kind::set) {
        const auto first = []<class K, class... V>(type_list<K, V...>) { return has_handles_v<K>; };
        return first(parts_of<T>()) ? refusal::handle_in_key : refusal::none;
    } else {
        return shape_of<T>::why;
    }
}

template <class T>
struct is_refused : std::bool_constant<refusal_of<T>() != refusal::none> {};

template <class T>
inline constexpr bool is_codable_v = !any_part<is_refused, T>();

/// Fails with a sentence at the part that cannot be sent.
template <class T, class Seen = type_list<>>
constexpr bool require_codable() {
    if constexpr (seen_before<T, Seen>::value) {
        return true;
    } else {
        constexpr refusal why = refusal_of<T>();
        static_assert(why != refusal::reference,
                      "conduit: a reference cannot be sent to another process; send the value");
        static_assert(why != refusal::constant,
                      "conduit: a const member could not be filled in by whoever receives it");
        static_assert(why != refusal::pointer,
                      "conduit: a pointer means nothing in another process; send the value, or "
                      "std::optional or std::vector of it");
        static_assert(why != refusal::view,
                      "conduit: a view owns nothing that could be received into; use std::string "
                      "or std::vector");
        static_assert(why != refusal::c_array, "conduit: a C array is not sent; use std::array");
        static_assert(why != refusal::union_type,
                      "conduit: nobody can tell which member of a union is alive; use "
                      "std::variant");
        static_assert(why != refusal::steady_time,
                      "conduit: this clock means nothing in another process; send a duration, or "
                      "a time of std::chrono::system_clock");
        static_assert(why != refusal::has_base,
                      "conduit: a struct with a base class is not sent; make the base a member");
        static_assert(why != refusal::too_many_fields,
                      "conduit: a struct has more than 32 members; group some in a struct");
        static_assert(why != refusal::no_default,
                      "conduit: a struct must be default-constructible to be received: a member "
                      "is a reference, or has no default");
        static_assert(why != refusal::handle_in_key,
                      "conduit: a unique_fd cannot be part of a map's or set's key");
        static_assert(why != refusal::unknown,
                      "conduit: the codec does not know this type: make it a struct with public "
                      "members only, or specialise conduit::rpc::representation for it");
        return []<class... P>(type_list<P...>) {
            return (require_codable<P, typename and_seen<T, Seen>::type>() && ... &&
                    (why == refusal::none));
        }(parts_of<T>());
    }
}

// --- sizes on the wire --------------------------------------------------------------------------

inline constexpr std::size_t varying = static_cast<std::size_t>(-1);

/// How many bytes a type takes whatever its value, or varying.
template <class T>
constexpr std::size_t fixed_size();

template <class... P>
constexpr std::size_t fixed_size_of_all(type_list<P...>) {
    std::size_t sum = 0;
    for (const std::size_t each : {std::size_t{0}, fixed_size<P>()...}) {
        sum = sum == varying || each == varying ? varying : sum + each;
    }
    return sum;
}

template <class T>
constexpr std::size_t fixed_size() {
    constexpr kind is = kind_of<T>;
    if constexpr (is == kind::boolean || is == kind::scalar) {
        return sizeof(T);
    } else if constexpr (is == kind::duration || is == kind::time) {
        return 8;
    } else if constexpr (is == kind::handle) {
        return 4;
    } else if constexpr (is == kind::array) {
        constexpr std::size_t each = fixed_size<typename T::value_type>();
        return each == varying ? varying : each * std::tuple_size_v<T>;
    } else if constexpr (is == kind::tuple || is == kind::represented) {
        return fixed_size_of_all(parts_of<T>());
    } else if constexpr (is == kind::structure) {
        constexpr std::size_t fields = fixed_size_of_all(parts_of<T>());
        return fields == varying ? varying : 4 + fields;
    } else {
        return varying;
    }
}

/// The fewest bytes a value of the type can be decoded from.
template <class T>
constexpr std::size_t least_size() {
    constexpr kind is = kind_of<T>;
    if constexpr (is == kind::structure || is == kind::string || is == kind::block ||
                  is == kind::bits || is == kind::vector || is == kind::list || is == kind::map ||
                  is == kind::set) {
        return 4;
    } else if constexpr (is == kind::optional) {
        return 1;
    } else if constexpr (is == kind::variant) {
        return []<class... P>(type_list<P...>) {
            std::size_t least = varying;
            for (const std::size_t each : {least_size<P>()...}) least = each < least ? each : least;
            return 1 + least;
        }(parts_of<T>());
    } else if constexpr (is == kind::array) {
        return least_size<typename T::value_type>() * std::tuple_size_v<T>;
    } else if constexpr (is == kind::tuple || is == kind::represented) {
        return []<class... P>(type_list<P...>) {
            return (std::size_t{0} + ... + least_size<P>());
        }(parts_of<T>());
    } else {
        return fixed_size<T>();
    }
}

}  // namespace conduit::rpc::detail
