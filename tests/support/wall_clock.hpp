// SPDX-License-Identifier: BSL-1.0
//
// A wall clock for children of a test, to be set back and forth while they run. Nobody else's
// changes, and their monotonic clocks go on as they did.
//
//     test::wall_clock wall;
//     std::vector<std::string> program = wall.launcher();  // and then a path and its arguments
//     wall.jump(-1h);

#pragma once

#include "temp_dir.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace conduit::test {

class wall_clock {
public:
    wall_clock();
    wall_clock(const wall_clock&) = delete;
    wall_clock& operator=(const wall_clock&) = delete;
    ~wall_clock();

    /// What is put before a program so that it goes by this clock, and so do its own children.
    std::vector<std::string> launcher() const;

    /// For all at once, also those that run.
    void jump(std::chrono::seconds by) noexcept { off_->fetch_add(by.count()); }

    /// Whether a program that goes by it has a time of day that is off by what it jumped, give or
    /// take a minute.
    bool is_obeyed() const;

private:
    const temp_dir folder_;
    std::atomic<std::int64_t>* off_;  // seconds
};

}  // namespace conduit::test
