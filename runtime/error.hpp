// SPDX-License-Identifier: BSL-1.0
//
// What can go wrong, as std::error_code. The few outcomes that are conduit's own are in errc; what
// the kernel said keeps its errno in std::system_category(). result.hpp carries either.
//
//     auto got = co_await in.read_some(buffer);
//     if (got.error() == errc::timed_out) ...           // the deadline of this task passed
//     if (got.error() == std::errc::broken_pipe) ...    // the kernel's own word

#pragma once

#include <system_error>

namespace conduit {

enum class errc {
    cancelled = 1,  // a stop was requested; equal to std::errc::operation_canceled
    timed_out,      // the deadline of the context passed; equal to std::errc::timed_out
    end_of_stream,  // the stream ended before what was asked for had arrived
    closed,         // the queue or channel was closed at this side
    truncated,      // the stream ended inside a message; at a boundary it is end_of_stream
    too_long,       // a message or line is longer than the limit set for it
};

const std::error_category& error_category() noexcept;

/// Lets an errc stand wherever a std::error_code is expected or compared with.
std::error_code make_error_code(errc code) noexcept;

/// Translates an errno, given as the positive number the kernel uses. The only translator there
/// is: a cancelled call is errc::cancelled, whichever number the kernel has for it.
std::error_code error_from_kernel(int number) noexcept;

}  // namespace conduit

template <>
struct std::is_error_code_enum<conduit::errc> : std::true_type {};
