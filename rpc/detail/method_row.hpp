// SPDX-License-Identifier: BSL-1.0
//
// What a connection has to know of a method of an interface. CONDUIT_INTERFACE makes the rows; they
// are never destroyed, and calls refer to them.

#pragma once

#include <conduit/runtime/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace conduit::rpc {

class fault;

}  // namespace conduit::rpc

namespace conduit::rpc::detail {

class enum_list;
class incoming_call;
struct received_message;
struct type_row;  // schema.hpp

/// Begins a procedure: decodes the parameter list, which is valid during this only, and calls
/// start() or refuse() of the call.
using serve_function = void (*)(void* object, std::unique_ptr<incoming_call> call,
                                received_message arguments);

/// The types of a method, for describe.hpp: data that nobody looks at before it is asked for.
struct method_types {
    struct error {
        std::string_view name;
        const type_row* type;
    };
    static constexpr std::size_t no_stream = ~std::size_t{0};

    std::span<const type_row* const> parameters;  // of a stream the type of its items
    std::size_t stream_at = no_stream;            // which of them is a stream
    const type_row* result = nullptr;             // or of its items; null: nothing comes back
    std::span<const error> errors;                // that are listed
};

struct method_row {
    std::string_view full_name;   // "demo.calculator.v1/add"
    std::string_view name;        // "add"
    std::string_view parameters;  // "lhs, rhs", or empty
    serve_function serve = nullptr;
    bool request_stream = false;   // some parameter is a stream
    bool response_stream = false;  // the result is one
    bool one_way = false;
    bool idempotent = false;
    bool essential = false;                             // served beyond calls_max of the server
    bool takes_handles = false;                         // some parameter has a handle in it
    bool gives_handles = false;                         // the result has
    clock::duration deadline = clock::duration::max();  // unless the caller has a shorter one
    void (*throw_listed)(const fault& why) = nullptr;   // throws the error of its own type, if any
    std::string_view text;                              // for people
    std::string_view since;
    const method_types* types = nullptr;       // where it is served or locked
    void (*enums)(enum_list& into) = nullptr;  // where it is locked
    bool by_name = false;                      // made at run time: connections know it by its name
};

}  // namespace conduit::rpc::detail
