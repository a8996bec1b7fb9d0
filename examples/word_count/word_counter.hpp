// SPDX-License-Identifier: BSL-1.0
//
// The contract between the coordinator and its workers. Read this first: the rest of the demo is
// who implements it (worker.cpp) and who calls it (coordinator.cpp).

#pragma once

#include "words.hpp"

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/stream.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace word_count {

/// Some lines of text. The number is how coordinator and worker speak of it, and how the
/// coordinator sees to it that each batch counts once, however many workers got it.
struct batch {
    std::uint64_t number = 0;
    std::string text;
};

struct batch_words {
    std::uint64_t number = 0;
    std::vector<counted_word> words;
};

class word_counter {
public:
    virtual ~word_counter() = default;

    /// Counts batches as they come, and answers each by itself, in their order.
    ///
    /// Both directions are paced: a worker that is slow is sent little ahead, and so is a
    /// coordinator that does not take the answers.
    virtual conduit::stream<batch_words> count(conduit::stream<batch> batches) = 0;
};
CONDUIT_INTERFACE(word_counter, "demo.word_counter.v1", count)

}  // namespace word_count
