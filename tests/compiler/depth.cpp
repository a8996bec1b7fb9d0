// SPDX-License-Identifier: BSL-1.0
//
// A million awaits that complete at once, in a row, and a hundred thousand nested in each other.
// Symmetric transfer must be a jump: as a call it overflows the stack. g++ makes it one at -O2, and
// below only with -foptimize-sibling-calls (GCC PR 100897), which conduit's builds set.

#include "minimal_task.hpp"

namespace {

probe::task<long> leaf(long i) { co_return i; }

probe::task<long> row(long length) {
    long sum = 0;
    for (long i = 0; i < length; ++i) {
        long value = co_await leaf(i);
        sum += value;
    }
    co_return sum;
}

probe::task<long> nest(long depth) {
    if (depth == 0) {
        co_return 0;
    }
    long below = co_await nest(depth - 1);
    co_return below + 1;
}

}  // namespace

int main() {
    constexpr long length = 1'000'000;
    constexpr long depth = 100'000;
    const bool right = row(length).run() == length * (length - 1) / 2 && nest(depth).run() == depth;
    return right ? 0 : 1;
}
