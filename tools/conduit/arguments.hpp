// SPDX-License-Identifier: BSL-1.0
//
// The words behind a method on the command line as the JSON text that dynamic_call.hpp takes: what
// each of them means, the method's description says.
//
//     arguments_to_json(parameters, {"1", "2.5"});        // [1,2.5]
//     arguments_to_json(parameters, {"rhs=2.5", "1"});    // {"lhs":1,"rhs":2.5}
//     arguments_to_json(parameters, {"[1, 2.5]"});        // as it is

#pragma once

#include <conduit/rpc/json.hpp>
#include <conduit/rpc/schema.hpp>

#include <span>
#include <string>

namespace conduit::tool {

/// A single word that begins with [ or { is all arguments as JSON. Otherwise each word is one
/// parameter: the next one, or the one that it names before a "=".
///
///     numbers, bool     as in JSON; also NaN and Infinity
///     string            as it is, without quotes
///     bytes             base64
///     duration          250ms, or nanoseconds: ns, us, ms, s, min, h
///     time              2026-01-02T03:04:05Z
///     T?                null, or as T
///     anything else     JSON
///
/// Whether a number fits its type is not looked at here: the call does.
rpc::converted<std::string> arguments_to_json(const rpc::type_schema& parameters,
                                              std::span<const std::string> words);

}  // namespace conduit::tool
