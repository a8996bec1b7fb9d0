// SPDX-License-Identifier: BSL-1.0
//
// The contract between 09_streaming_server and 09_streaming_client: one call with a stream each
// way. Neither side runs ahead of the other by more than a window of bytes.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/stream.hpp>

#include <cstdint>

class statistics {
public:
    virtual ~statistics() = default;

    /// For each sample the mean of the last `window` of them; fault(invalid_argument) for none.
    virtual conduit::stream<double> moving_mean(conduit::stream<double> samples,
                                                std::uint32_t window) = 0;
};
CONDUIT_INTERFACE(statistics, "demo.statistics.v1", (moving_mean, samples, window))
