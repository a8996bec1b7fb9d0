// SPDX-License-Identifier: BSL-1.0
//
// Assertions for bugs of the caller: checked in every build, with a sentence that says what must
// hold. What the world or a peer can cause is never asserted; it arrives as a result (result.hpp).
//
//     CONDUIT_ASSERT(!buffer.empty(), "a read needs room for at least one byte");

#pragma once

#include <source_location>

namespace conduit {

/// Prints "file:line: sentence" to stderr and aborts.
[[noreturn]] void assertion_failed(
    const char* sentence, std::source_location at = std::source_location::current()) noexcept;

}  // namespace conduit

#define CONDUIT_ASSERT(condition, sentence) \
    ((condition) ? static_cast<void>(0) : ::conduit::assertion_failed(sentence))
