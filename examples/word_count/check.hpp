// SPDX-License-Identifier: BSL-1.0
//
// Counts the same words once more, in the way of a shell, and compares.

#pragma once

#include "words.hpp"

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace word_count {

/// What the check found.
struct comparison {
    conduit::clock::duration took{0};
    std::size_t words = 0;              // different ones, as the pipeline says
    std::size_t different = 0;          // of which the counts are not the same
    std::vector<std::string> examples;  // "the: 17 here, 16 there"; three at most

    bool agrees() const noexcept { return different == 0; }
};

/// Waits for
///
///     cat FILES | tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | sort | uniq -c | sort -rn
///
/// all with LC_ALL=C, and compares each line with `counted`. What sort cannot keep in memory it
/// puts into `folder`. Throws std::runtime_error where a stage fails, and
/// names the last that did.
conduit::task<comparison> compare(const word_table& counted, std::vector<std::string> paths,
                                  std::string folder);

}  // namespace word_count
