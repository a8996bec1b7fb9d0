// SPDX-License-Identifier: BSL-1.0
//
// How long a stress case may go on: 15 seconds, or CONDUIT_STRESS_SECONDS.
//
//     const auto until = std::chrono::steady_clock::now() + test::stress_time();

#pragma once

#include <chrono>
#include <cstdlib>
#include <string>

namespace conduit::test {

inline std::chrono::seconds stress_time() {
    const char* asked = std::getenv("CONDUIT_STRESS_SECONDS");
    return std::chrono::seconds(asked != nullptr ? std::stol(asked) : 15);
}

}  // namespace conduit::test
