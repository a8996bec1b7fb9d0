// SPDX-License-Identifier: BSL-1.0
//
// Encoded fields as JSON text and back, by a schema: for command lines and logs, where the C++ type
// is not at hand. Programs that have the type use codec.hpp.
//
//     auto parameters = rpc::schema_of_fields<double, double>({"lhs", "rhs"});
//     auto bytes = rpc::json_to_fields(parameters, R"({"lhs": 1, "rhs": 2.5})");
//     if (!bytes) return complain(bytes.error());   // $.rhs: expected a f64, found "two"
//     auto text = rpc::fields_to_json(rpc::schema_of<double>(), reply, limits);   // 3.5
//
// A field list is an object by names, or an array by position; a schema of one value, as of a
// reply, is that value. docs/reference/encoding.md says what each kind is in JSON.

#pragma once

#include <conduit/rpc/decode_limits.hpp>
#include <conduit/rpc/schema.hpp>
#include <conduit/runtime/assert.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace conduit::rpc {

/// What was converted, or a sentence that says why not: where, what was expected, what was found.
template <class T>
class [[nodiscard]] converted {
public:
    static converted failed(std::string error) {
        return converted(std::in_place_index<1>, std::move(error));
    }
    static converted made(T value) { return converted(std::in_place_index<0>, std::move(value)); }

    explicit operator bool() const noexcept { return held_.index() == 0; }

    /// The value; asserts that there is one.
    T& operator*() {
        CONDUIT_ASSERT(held_.index() == 0, "a conversion that failed has no value");
        return *std::get_if<0>(&held_);
    }
    T* operator->() { return &**this; }

    /// Empty after success.
    std::string error() const { return held_.index() == 1 ? *std::get_if<1>(&held_) : ""; }

private:
    template <std::size_t I, class U>
    converted(std::in_place_index_t<I> which, U value) : held_(which, std::move(value)) {}

    std::variant<T, std::string> held_;
};

/// Reads JSON text into the bytes of a field list. Fields at the end may be left out, and so may
/// optional ones anywhere. A handle can only be null.
converted<std::vector<std::byte>> json_to_fields(const type_schema& schema, std::string_view text);

/// Writes the bytes of a field list as JSON text on one line. Bytes that are not what the schema
/// says are refused as decode_fields() refuses them; the text is charged as output, and so is each
/// value. Only an empty handle can be written.
converted<std::string> fields_to_json(const type_schema& schema, std::span<const std::byte> bytes,
                                      const decode_limits& limits);

}  // namespace conduit::rpc
