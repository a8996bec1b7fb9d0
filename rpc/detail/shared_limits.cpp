// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/shared_limits.hpp>

namespace conduit::rpc::detail {

std::string limits_account::memory_text() const {
    const bool is_shared =
        shared_ != nullptr && shared_->memory_max - shared_->memory < memory_max_ - memory_;
    const std::size_t taken = is_shared ? shared_->memory : memory_;
    const std::size_t most = is_shared ? shared_->memory_max : memory_max_;
    return std::to_string(taken) + " of " + std::to_string(most) + " bytes are in use" +
           (is_shared ? " by all connections" : "") + " (memory_max)";
}

std::string limits_account::calls_text() const {
    if (shared_ == nullptr) return {};
    return "the server serves " + std::to_string(shared_->calls - 1) + " calls, of at most " +
           std::to_string(shared_->calls_max) + " (calls_max)";
}

}  // namespace conduit::rpc::detail
