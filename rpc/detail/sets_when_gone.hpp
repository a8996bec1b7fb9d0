// SPDX-License-Identifier: BSL-1.0
//
// Whoever waits for the end of something learns of it, also where it ends by an exception.
//
//     const sets_when_gone tells(over_);                  // in the task that ends it
//     co_await connections_.join();                       // throws, perhaps

#pragma once

#include <conduit/runtime/event.hpp>

namespace conduit::rpc::detail {

class sets_when_gone {
public:
    explicit sets_when_gone(event& over) noexcept : over_(over) {}
    sets_when_gone(const sets_when_gone&) = delete;
    sets_when_gone& operator=(const sets_when_gone&) = delete;
    ~sets_when_gone() { over_.set(); }

private:
    event& over_;
};

}  // namespace conduit::rpc::detail
