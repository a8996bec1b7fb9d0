// SPDX-License-Identifier: BSL-1.0
//
// What must hold for each input of a fuzz target. A failure ends the program, by which the fuzzer
// knows that it has found something.
//
//     conduit::fuzz::require(again == first, "decoding and encoding changes the value");

#pragma once

#include <cstdio>
#include <cstdlib>

namespace conduit::fuzz {

/// Unless `condition`, prints the sentence that was violated and aborts.
inline void require(bool condition, const char* what_went_wrong) {
    if (condition) return;
    std::fprintf(stderr, "fuzz: %s\n", what_went_wrong);
    std::abort();
}

}  // namespace conduit::fuzz
