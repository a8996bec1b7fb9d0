// SPDX-License-Identifier: BSL-1.0
//
// A braced list of values in an awaiting expression: g++ 12 refuses to compile it, "array used as
// initializer" (GCC PR 103871). That at least is loud.

#include "minimal_task.hpp"

#include <vector>

namespace {

probe::task<int> count(std::vector<probe::counted> values) {
    co_return static_cast<int>(values.size());
}

probe::task<int> body() { co_return co_await count({probe::counted(1), probe::counted(2)}); }

}  // namespace

int main() { return body().run() == 2 && probe::counted::live == 0 ? 0 : 1; }
