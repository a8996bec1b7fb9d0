// SPDX-License-Identifier: BSL-1.0
//
// Finds the uses of co_await that g++ 12 miscompiles, and names the safe form for each.
//
// g++ 12 destroys some temporaries twice, runs an awaited expression twice or never finishes, all
// without a warning (tests/compiler/ shows each). What it gets right everywhere is a co_await that
// stands alone: `co_await e;`, `x = co_await e;`, `auto x = co_await e;`, `co_return co_await e;`
// and a condition that declares, `while (auto x = co_await e)`; with no `?:`, no braces and no
// capturing lambda in `e`. co_yield awaits too, so the same holds for what it yields.
//
// A line with the comment `conduit: allow-await` is let through.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace conduit::lint {

struct finding {
    int line;
    std::string reason;  ///< what is wrong, and the safe form to write instead
};

/// Looks at one source file; the findings are in the order of their lines.
[[nodiscard]] std::vector<finding> check_awaits(std::string_view source);

}  // namespace conduit::lint
