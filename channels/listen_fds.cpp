// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/listen_fds.hpp>

#include <conduit/runtime/backend/kernel.hpp>

#include <utility>

namespace conduit {

result<std::vector<listen_fd>> listen_fds() {
    auto inherited = current_kernel().take_inherited();
    if (!inherited) return inherited.error();
    std::vector<listen_fd> passed;
    for (inherited_handle& each : *inherited) {
        passed.push_back({std::move(each.name), std::move(each.handle)});
    }
    return passed;
}

}  // namespace conduit
