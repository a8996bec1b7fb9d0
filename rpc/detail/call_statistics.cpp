// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/method_row.hpp>

namespace conduit::rpc::detail {

method_statistics& call_statistics::of(const method_row& method) {
    std::unique_ptr<method_statistics>& found = methods_[method.full_name];
    if (found == nullptr) found = std::make_unique<method_statistics>();
    return *found;
}

}  // namespace conduit::rpc::detail
