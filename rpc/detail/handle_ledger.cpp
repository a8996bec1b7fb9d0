// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/handle_ledger.hpp>

#include <string>

namespace conduit::rpc::detail {

result<handle_ledger::place, fault> handle_ledger::take(std::uint32_t uid) {
    const std::string why = shares_.take(uid, registry_resource::handles, 1);
    if (why.empty()) return place(*this, uid);
    ++refused_;
    return fault(status::resource_exhausted, why);
}

}  // namespace conduit::rpc::detail
