// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace conduit {

void assertion_failed(const char* sentence, std::source_location at) noexcept {
    std::fprintf(stderr, "%s:%u: conduit: %s\n", at.file_name(), at.line(), sentence);
    std::abort();
}

}  // namespace conduit
