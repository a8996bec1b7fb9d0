// SPDX-License-Identifier: BSL-1.0
//
// The shape of a type as data: what a program needs to know to make sense of encoded bytes without
// the type itself. codec.hpp encodes values, and schemas too; json.hpp reads and writes by schema.
//
//     rpc::type_schema shape = rpc::schema_of<entry>();
//     to_string(shape);            // {id: u64, names: [string], next?: time}
//
//     auto parameters = rpc::schema_of_fields<double, double>({"lhs", "rhs"});
//     to_string(parameters);       // (lhs: f64, rhs: f64)

#pragma once

#include <conduit/rpc/detail/codec_kind.hpp>
#include <conduit/runtime/assert.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit::rpc {

/// The kinds of values there are on the wire. The numbers do not change; more may be added.
enum class node_kind : std::uint8_t {
    boolean,
    u8,
    u16,
    u32,
    u64,
    i8,
    i16,
    i32,
    i64,
    f32,
    f64,
    string,
    bytes,
    time,      // i64, nanoseconds since 1970
    duration,  // i64, nanoseconds
    handle,
    list,        // of parts[0]
    set,         // of parts[0]
    map,         // from parts[0] to parts[1]
    array,       // `count` times parts[0]
    byte_array,  // `count` bytes
    optional,    // parts[0] or nothing
    variant,     // one of the parts
    tuple,       // the parts, one behind the other
    structure,   // the parts by their names, behind their length
    field_list,  // the same without a length; the parameters of a call. Names may be missing
};

/// One type: what it is, and by their numbers the types that it consists of.
struct type_node {
    node_kind kind = node_kind::boolean;
    std::uint32_t count = 0;
    std::vector<std::uint32_t> parts;
    std::vector<std::string> names;

    bool operator==(const type_node&) const = default;
};

/// A type and all that it consists of. The first node is the type itself; a type that contains
/// itself comes back to a node that is there already. Codable, so that it can be sent.
struct type_schema {
    std::vector<type_node> nodes;

    bool operator==(const type_schema&) const = default;
};

/// What is wrong with a schema, in a sentence; nothing if it may be used. One that came from a peer
/// may be anything: numbers of no node, names that are none, types that contain nothing but
/// themselves or unfold into millions.
std::optional<std::string> problem_of(const type_schema& schema);

/// The type as people read it, the same for equal types: `{id: u64, names: [string], next?: time}`.
///
/// A list is [T], a set set<T>, a map {K => V}, an array [T; 3], an optional T? (of a field the
/// mark is at its name), a variant (A | B), a tuple (A, B), a field list (name: A, B). A struct
/// inside itself is ^, or ^^ inside a struct inside itself. What is too long or deep ends in "...".
std::string to_string(const type_schema& schema);

namespace detail {

/// A type as data of the program; schemas are made of it when they are asked for.
struct type_row {
    node_kind kind = node_kind::boolean;
    std::uint32_t count = 0;
    std::span<const type_row* const> parts;
    std::span<const std::string_view> names;
};

type_schema make_schema(const type_row& of);
type_schema make_schema(std::span<const type_row* const> fields,
                        std::span<const std::string_view> names);

template <class T>
constexpr node_kind scalar_kind() {
    if constexpr (std::is_enum_v<T>) {
        return scalar_kind<std::underlying_type_t<T>>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return node_kind::boolean;
    } else if constexpr (std::is_floating_point_v<T>) {
        return sizeof(T) == 4 ? node_kind::f32 : node_kind::f64;
    } else {
        // A plain char is signed on some machines and not on others; here it always is.
        constexpr bool is_signed = std::is_signed_v<T> || std::is_same_v<T, char>;
        constexpr auto first = static_cast<int>(is_signed ? node_kind::i8 : node_kind::u8);
        constexpr int step = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
        return static_cast<node_kind>(first + step);
    }
}

template <class T>
constexpr node_kind node_kind_of() {
    switch (kind_of<T>) {
        case kind::string: return node_kind::string;
        case kind::block:
        case kind::bits:
        case kind::vector:
        case kind::list: return node_kind::list;
        case kind::array: return node_kind::array;
        case kind::map: return node_kind::map;
        case kind::set: return node_kind::set;
        case kind::optional: return node_kind::optional;
        case kind::variant: return node_kind::variant;
        case kind::structure: return node_kind::structure;
        case kind::duration: return node_kind::duration;
        case kind::time: return node_kind::time;
        case kind::handle: return node_kind::handle;
        case kind::boolean:
        case kind::scalar:
        case kind::represented:
        case kind::refused:
        case kind::tuple: break;
    }
    return node_kind::tuple;
}

template <class T>
struct is_bytes : std::false_type {};
template <class A>
struct is_bytes<std::vector<std::byte, A>> : std::true_type {};
template <std::size_t N>
struct is_bytes<std::array<std::byte, N>> : std::true_type {};

/// Of a type that may contain itself, so that its row refers to itself.
template <class T>
struct type_row_for {
    static const type_row row;
};

/// What a type is sent as.
template <class T>
struct sent_as {
    using type = T;
};
template <class T>
    requires(kind_of<T> == kind::represented)
struct sent_as<T> : sent_as<typename representation<T>::type> {};

template <class T>
inline constexpr const type_row* type_row_of = &type_row_for<typename sent_as<T>::type>::row;

template <class... T>
inline constexpr std::array<const type_row*, sizeof...(T)> type_rows_of{
    &type_row_for<typename sent_as<T>::type>::row...};

template <class T, std::size_t... I>
constexpr auto field_names(std::index_sequence<I...> /*positions*/) {
    return std::array<std::string_view, sizeof...(I)>{field_name<T, I>()...};
}
template <class T>
inline constexpr auto names_of_fields =
    field_names<T>(std::make_index_sequence<parts_of<T>::size>());

template <class T>
constexpr type_row make_type_row() {
    type_row row;
    if constexpr (kind_of<T> == kind::boolean || kind_of<T> == kind::scalar) {
        row.kind = scalar_kind<T>();
    } else {
        row.kind = node_kind_of<T>();
        if constexpr (kind_of<T> == kind::array) {
            row.count = static_cast<std::uint32_t>(std::tuple_size_v<T>);
        }
        if constexpr (is_bytes<T>::value) {
            row.kind = kind_of<T> == kind::array ? node_kind::byte_array : node_kind::bytes;
        } else {
            row.parts = []<class... P>(type_list<P...>) {
                return std::span<const type_row* const>(type_rows_of<P...>);
            }(parts_of<T>());
        }
        if constexpr (kind_of<T> == kind::structure) row.names = names_of_fields<T>;
    }
    return row;
}

template <class T>
constinit const type_row type_row_for<T>::row = make_type_row<T>();

}  // namespace detail

/// The schema of one value: a reply, an item of a stream.
template <class T>
type_schema schema_of() {
    static_assert(detail::require_codable<T>());
    return detail::make_schema(*detail::type_row_of<T>);
}

/// The schema of a field list: the parameters of a call, with a name for each or none at all.
template <class... T>
type_schema schema_of_fields(std::initializer_list<std::string_view> names = {}) {
    static_assert((detail::require_codable<T>() && ...));
    CONDUIT_ASSERT(names.size() == 0 || names.size() == sizeof...(T),
                   "either each field has a name or none has");
    return detail::make_schema(detail::type_rows_of<T...>, {names.begin(), names.size()});
}

}  // namespace conduit::rpc
