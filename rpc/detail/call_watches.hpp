// SPDX-License-Identifier: BSL-1.0
//
// What the interceptors of a connection want to be told of one call's end.
//
//     for (auto& each : interceptors) watches.add(each->begin(call));
//     watches.ended(call_end{...});                       // once

#pragma once

#include <conduit/rpc/interceptor.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

class call_watches {
public:
    void add(std::unique_ptr<call_watch> watch) {
        if (watch != nullptr) watches_.push_back(std::move(watch));
    }

    /// Tells them, the last one first, and forgets them.
    void ended(const call_end& how) noexcept {
        while (!watches_.empty()) {
            const std::unique_ptr<call_watch> last = std::move(watches_.back());
            watches_.pop_back();
            last->ended(how);
        }
    }

private:
    std::vector<std::unique_ptr<call_watch>> watches_;
};

}  // namespace conduit::rpc::detail
