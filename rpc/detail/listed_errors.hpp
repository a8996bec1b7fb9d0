// SPDX-License-Identifier: BSL-1.0
//
// Application errors that a method lists: to a fault with details where they are thrown, and back
// where they are caught. They are told apart by the names of their types.

#pragma once

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/parameters.hpp>
#include <conduit/rpc/fault.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

/// The name of a class without its namespaces: "no_space".
template <class T>
constexpr std::string_view name_of_type() noexcept {
    std::string_view text = __PRETTY_FUNCTION__;
    text = text.substr(text.find("T = ") + 4);
    text = text.substr(0, text.find_first_of(";]"));
    const std::size_t last = text.substr(0, text.find('<')).rfind(':');
    return last == std::string_view::npos ? text : text.substr(last + 1);
}

template <class... E>
constexpr bool require_errors() {
    static_assert((codable<E> && ...),
                  "conduit: a listed error is thrown again at the caller, so it is a struct that "
                  "can be sent");
    static_assert((!contains_handles_v<E> && ...), "conduit: an error carries no unique_fd");
    if constexpr (sizeof...(E) > 0) {
        constexpr std::string_view names[] = {name_of_type<E>()...};
        static_assert(all_different(names),
                      "conduit: listed errors are told apart by their names without namespaces");
    }
    return true;
}

/// In a handler: whether the current exception is an E; then `into` gets its name and fields.
template <class E>
bool describe_as(fault& into) {
    try {
        throw;
    } catch (const E& thrown) {
        std::vector<std::byte> bytes(encoded_size(thrown));
        encode_fields(bytes.data(), thrown);
        into.with_details(std::string(name_of_type<E>()), std::move(bytes));
        return true;
    } catch (...) {
        return false;
    }
}

template <class... E>
bool describe_listed(fault& into) {
    return (describe_as<E>(into) || ...);
}

template <class E>
void throw_as(const fault& why) {
    if (why.type() != name_of_type<E>()) return;
    E error{};
    const received_message details{why.details(), {}};
    if (read_message(details, error)) throw error;
}

/// Throws the listed error that `why` stands for, if it does.
template <class... E>
void throw_listed(const fault& why) {
    (throw_as<E>(why), ...);
}

}  // namespace conduit::rpc::detail
