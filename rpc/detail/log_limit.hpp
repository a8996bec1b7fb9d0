// SPDX-License-Identifier: BSL-1.0
//
// What a peer can cause to be logged, so many lines a second and no more. What was left out is
// counted and said with the next line that goes through.
//
//     log_limit lines;
//     lines.warn("unix:/run/x: connection 7 ended: ...");

#pragma once

#include <conduit/rpc/detail/token_bucket.hpp>
#include <conduit/runtime/log.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace conduit::rpc::detail {

class log_limit {
public:
    static constexpr std::uint32_t lines_per_second = 10;

    /// To the log of the scheduler that runs.
    void warn(std::string line) { write(log_level::warning, std::move(line)); }
    void write(log_level level, std::string line);

    std::uint64_t left_out() const noexcept { return left_out_; }

private:
    token_bucket lines_{lines_per_second, lines_per_second};
    std::uint64_t left_out_ = 0;
};

}  // namespace conduit::rpc::detail
