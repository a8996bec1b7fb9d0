// SPDX-License-Identifier: BSL-1.0
//
// That a coroutine member has what it works on to itself; lives in the coroutine's frame, so that
// it ends with a task that is destroyed where it waits.
//
//     const busy_mark mark(busy_, "one record at a time is written");

#pragma once

#include <conduit/runtime/assert.hpp>

namespace conduit {

class busy_mark {
public:
    busy_mark(bool& busy, [[maybe_unused]] const char* rule) noexcept : busy_(&busy) {
        CONDUIT_ASSERT(!busy, rule);
        busy = true;
    }
    busy_mark(const busy_mark&) = delete;
    busy_mark& operator=(const busy_mark&) = delete;
    ~busy_mark() { *busy_ = false; }

private:
    bool* busy_;
};

}  // namespace conduit
