// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>

namespace conduit::rpc::detail {

void log_limit::write(log_level level, std::string line) {
    if (!lines_.take(loop::running().now)) {
        ++left_out_;
        return;
    }
    if (left_out_ > 0) {
        line += " (and " + std::to_string(left_out_) + " lines that were left out before)";
        left_out_ = 0;
    }
    scheduler::current().log(level, line);
}

}  // namespace conduit::rpc::detail
