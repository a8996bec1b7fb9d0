// SPDX-License-Identifier: BSL-1.0
//
// How long things took: all of them are kept, so that percentiles are exact.

#pragma once

#include <conduit/runtime/clock.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace word_count {

class latencies {
public:
    void add(conduit::clock::duration took) { all_.push_back(took); }

    std::size_t size() const noexcept { return all_.size(); }
    /// The time that so large a part of them took at most, 0 to 1; zero where there are none.
    conduit::clock::duration at(double part) const {
        if (all_.empty()) return conduit::clock::duration::zero();
        std::vector<conduit::clock::duration> some = all_;
        const auto last = static_cast<double>(some.size() - 1);
        const auto nth = some.begin() + static_cast<std::ptrdiff_t>(part * last + 0.5);
        std::nth_element(some.begin(), nth, some.end());
        return *nth;
    }
    conduit::clock::duration sum() const {
        conduit::clock::duration all{0};
        for (const auto each : all_) all += each;
        return all;
    }

private:
    std::vector<conduit::clock::duration> all_;
};

}  // namespace word_count
