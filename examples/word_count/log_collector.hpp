// SPDX-License-Identifier: BSL-1.0
//
// The contract of the log collector, a process that reads what all others say, from one FIFO
// (process_log.hpp). It serves this at its standard input and output.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace word_count {

/// What came.
struct log_summary {
    std::map<std::string, std::uint64_t> records;  // how many by whom
    std::uint64_t skipped_bytes = 0;               // that were no whole record
    std::chrono::nanoseconds took{0};              // from the first record to the last
    std::chrono::nanoseconds median{0};            // from when it was said to when it was read
    std::chrono::nanoseconds slowest{0};           // of 99 % of them
    std::string unwritten;                         // why the file lacks some; empty: it does not
};

class log_collector {
public:
    virtual ~log_collector() = default;

    /// Makes the FIFO and reads it from now on. What comes is also written to a file, unless that
    /// has no name.
    virtual conduit::task<> collect(std::string fifo, std::string file) = 0;

    /// Waits until somebody has said `last`.
    virtual conduit::task<log_summary> until(std::string last) = 0;
};
CONDUIT_INTERFACE(log_collector, "demo.log_collector.v1", (collect, fifo, file), (until, last))

}  // namespace word_count
