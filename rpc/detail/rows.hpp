// SPDX-License-Identifier: BSL-1.0
//
// The rows of an interface: its methods' signatures and attributes as data. A stub refers to rows
// that cannot serve, so that a client compiles no code of a server.

#pragma once

#include <conduit/rpc/detail/listed_errors.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/serve.hpp>
#include <conduit/rpc/detail/signature.hpp>
#include <conduit/rpc/method.hpp>
#include <conduit/rpc/schema.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace conduit::rpc::detail {

/// Which rows are made.
enum class purpose : std::uint8_t { calling, serving, locking };

template <class Signature, class Errors>
struct enums_in;  // enum_list.hpp, for locking alone

/// The class that CONDUIT_INTERFACE made of an interface.
template <class Interface>
using interface_of = decltype(conduit_interface_of(contract<Interface>()));

template <class Interface>
concept has_interface = requires { conduit_interface_of(contract<Interface>()); };

template <class Interface>
constexpr bool require_interface() {
    static_assert(has_interface<Interface>,
                  "conduit: there is no CONDUIT_INTERFACE beside this class; where it implements "
                  "one, name that: offer<calculator>(object)");
    return has_interface<Interface>;
}

template <auto Method>
struct constant;

/// Whether two methods are one. Compared as parts of types: g++ 12 calls method<&I::m, ...> an
/// ambiguous base class of methods<...>.
template <auto A, auto B>
inline constexpr bool is_same_method = std::is_same_v<constant<A>, constant<B>>;

template <auto Method, class First, class... Rest, class All>
constexpr auto pick_attributes(const All& all) noexcept {
    if constexpr (is_same_method<Method, First::pointer>) {
        return static_cast<const First&>(all);
    } else if constexpr (sizeof...(Rest) > 0) {
        return pick_attributes<Method, Rest...>(all);
    } else {
        return method<Method>();
    }
}

/// What conduit_methods says of one method.
template <auto Method, class... Each>
constexpr auto attributes_of(const methods<Each...>& all) noexcept {
    return pick_attributes<Method, Each...>(all);
}
template <auto Method, auto Only, class... E>
constexpr auto attributes_of(const method<Only, E...>& only) noexcept {
    return pick_attributes<Method, method<Only, E...>>(only);
}

template <class Interface>
concept has_attributes = requires { conduit_methods(contract<Interface>()); };

template <class Interface, class... Each>
constexpr bool require_listed(const methods<Each...>* /*type*/) {
    static_assert(
        (interface_of<Interface>::template conduit_lists<Each::pointer> && ...),
        "conduit: conduit_methods speaks of a method that CONDUIT_INTERFACE does not list");
    return true;
}
template <class Interface, auto Only, class... E>
constexpr bool require_listed(const method<Only, E...>* /*type*/) {
    return require_listed<Interface>(static_cast<const methods<method<Only, E...>>*>(nullptr));
}

template <class Interface, auto Method>
constexpr auto attributes_in() noexcept {
    if constexpr (has_attributes<Interface>) {
        constexpr auto all = conduit_methods(contract<Interface>());
        static_assert(require_listed<Interface>(&all));
        return attributes_of<Method>(all);
    } else {
        return method<Method>();
    }
}

template <class... E>
struct errors_of {
    static constexpr describe_function describe = &describe_listed<E...>;
    static constexpr void (*rethrow)(const fault&) = &throw_listed<E...>;
    static constexpr method_types::error rows[] = {{name_of_type<E>(), type_row_of<E>}...};
};
template <>
struct errors_of<> {
    static constexpr describe_function describe = nullptr;
    static constexpr void (*rethrow)(const fault&) = nullptr;
    static constexpr std::span<const method_types::error> rows{};
};

template <auto Method, class... E>
constexpr errors_of<E...> listed_by(const method<Method, E...>& /*attributes*/) {
    static_assert(require_errors<E...>());
    return {};
}

template <class R, class C, class... A>
constexpr void set_shape(method_row& row, R (C::*)(A...)) {
    using shape = returned<R>;
    row.request_stream = (is_stream_v<A> || ...);
    row.response_stream = shape::streams;
    row.one_way = shape::one_way;
    row.takes_handles = (has_handles_in_v<A> || ...);
    row.gives_handles =
        has_handles_in_v<typename shape::value> || has_handles_in_v<typename shape::item>;
}

template <class T>
struct carried_by {
    using type = std::remove_cv_t<T>;
};
template <class T>
struct carried_by<stream<T>> {
    using type = T;
};

template <class... A>
constexpr std::size_t position_of_stream() noexcept {
    std::size_t at = 0;
    const bool found = ((is_stream_v<A> || (++at, false)) || ...);
    return found ? at : method_types::no_stream;
}

template <class Result>
constexpr const type_row* type_row_of_result() noexcept {
    if constexpr (!std::is_void_v<typename Result::value>) {
        return type_row_of<typename Result::value>;
    } else if constexpr (!std::is_void_v<typename Result::item>) {
        return type_row_of<typename Result::item>;
    } else {
        return nullptr;
    }
}

template <class Signature, class Errors>
inline constexpr method_types types_of{};
template <class R, class C, class... A, class Errors>
inline constexpr method_types types_of<R (C::*)(A...), Errors>{
    type_rows_of<typename carried_by<A>::type...>, position_of_stream<A...>(),
    type_row_of_result<returned<R>>(), Errors::rows};

template <class Interface, auto Method, purpose Purpose>
constexpr method_row make_row(std::string_view full_name, std::string_view name,
                              std::string_view parameters) {
    constexpr auto attributes = attributes_in<Interface, Method>();
    using errors = decltype(listed_by(attributes));
    method_row row;
    row.full_name = full_name;
    row.name = name;
    row.parameters = parameters;
    row.idempotent = attributes.is_idempotent();
    row.essential = attributes.is_essential();
    row.deadline = attributes.deadline();
    row.text = attributes.text();
    row.since = attributes.since();
    set_shape(row, Method);
    if constexpr (Purpose == purpose::calling) {
        row.throw_listed = errors::rethrow;
    } else {
        row.types = &types_of<decltype(Method), errors>;
    }
    if constexpr (Purpose == purpose::serving) {
        row.serve = &served<Interface, Method, errors::describe, decltype(Method)>::serve;
    }
    if constexpr (Purpose == purpose::locking) {
        row.enums = &enums_in<decltype(Method), errors>::collect;
    }
    return row;
}

/// The rows in the order of CONDUIT_INTERFACE; they are part of the program.
template <class Interface, purpose Purpose>
inline constexpr auto rows = interface_of<Interface>::template conduit_rows<Purpose>();

}  // namespace conduit::rpc::detail
