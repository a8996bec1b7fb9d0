// SPDX-License-Identifier: BSL-1.0
//
// How a test case says that it cannot run here. A skip is visible in ctest's summary.
//
// A case that runs once per backend calls skip() for each one it cannot have and ran() for each it
// had: only a case of which nothing ran counts as skipped.
//
//     if (!kernel_offers_pidfd()) {
//         return conduit::test::skip("this kernel has no pidfd");
//     }

#pragma once

#include <string_view>

namespace conduit::test {

/// Prints `SKIPPED: reason`. Alone it makes the case end as skipped; a failure still fails it.
void skip(std::string_view reason);

/// Says that the case did its work at least once, whatever else it skipped.
void ran();

}  // namespace conduit::test
