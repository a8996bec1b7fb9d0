// SPDX-License-Identifier: BSL-1.0
//
// Values to messages and back, for stubs and servers alike. The parameter list of a method goes in
// one message, without the parameter that is a stream: its items follow in messages of their own.

#pragma once

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/message_flow.hpp>
#include <conduit/rpc/detail/signature.hpp>

#include <cstddef>
#include <new>
#include <string>
#include <tuple>
#include <utility>

namespace conduit::rpc::detail {

/// Writes a message where `to` (an outlet, or a call of either side) sends it from. `size` is the
/// encoded_size() of its fields.
template <class To, class... T>
void write_message_of(std::size_t size, To& to, T&... fields) {
    std::byte* at = to.begin(size);
    try {
        encode_fields(at, to.handles(), fields...);
    } catch (...) {  // a representation of the user's: nothing half written may leave
        to.take_back();
        throw;
    }
}

template <class To, class... T>
void write_message(To& to, T&... fields) {
    write_message_of(encoded_size(fields...), to, fields...);
}

template <class... T>
decode_result read_message_within(const decode_limits& limits, received_message message,
                                  T&... fields) {
    return decode_fields(message.bytes, limits, message.handles, fields...);
}

template <class... T>
decode_result read_message(received_message message, T&... fields) {
    const auto limits = decode_limits::for_message(message.bytes.size());
    return read_message_within(limits, message, fields...);
}

template <class T>
auto as_field(T& value) {
    if constexpr (is_stream_v<T>) {
        return std::tuple<>();
    } else {
        return std::tuple<T&>(value);
    }
}

/// Calls `f` with those of the parameters that are no stream.
template <class F, class... T>
decltype(auto) with_plain(F&& f, T&... parameters) {
    if constexpr ((is_stream_v<T> || ...)) {
        return std::apply(std::forward<F>(f), std::tuple_cat(as_field(parameters)...));
    } else {
        return std::forward<F>(f)(parameters...);
    }
}

/// Takes the result of a call, or an item. False, with the reason in `why` and, where it was the
/// bytes, in `code`, when it is none.
template <class T>
bool read_value(received_message message, T& into, std::string& why, decode_errc* code = nullptr) {
    try {
        const decode_result decoded = read_message(message, into);
        if (decoded) [[likely]]
            return true;
        why = decoded.text();
        if (code != nullptr) *code = decoded.code();
    } catch (const std::bad_alloc&) {
        why = "no memory";  // short enough to need none
    }
    return false;
}

}  // namespace conduit::rpc::detail
