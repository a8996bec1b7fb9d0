// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_limits.hpp>

namespace conduit::rpc::detail {

std::string_view to_string(registry_resource what) noexcept {
    switch (what) {
        case registry_resource::names: return "names";
        case registry_resource::instances: return "instances";
        case registry_resource::watches: return "watches";
        case registry_resource::waiters: return "waiters";
        case registry_resource::bytes: return "bytes";
        case registry_resource::handles: return "handles";
    }
    return "unknown";
}

}  // namespace conduit::rpc::detail
