// SPDX-License-Identifier: BSL-1.0
//
// A program that serves calls at its standard input and output, as a stream whose end says how the
// program ended. For programs that are no servers use channels/process.hpp.
//
//     auto stream = start_program(where, &why);           // "exec:prog args"
//     auto got = co_await stream->read_some(buffer);      // "the program exited with status 3"

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/runtime/result.hpp>

#include <string>

namespace conduit::rpc::detail {

/// Starts the program, whose error output is this process's own. Where the end of its output comes
/// because it failed, reading fails with an error that says its exit status or signal.
///
/// Ending the writing asks it to end; closing the stream kills it if it has not.
result<any_stream> start_program(const address& where, std::string* why);

}  // namespace conduit::rpc::detail
