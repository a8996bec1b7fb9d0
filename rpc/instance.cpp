// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/instance.hpp>

#include <fmt/format.h>

namespace conduit::rpc {

std::string to_string(instance_id id) { return fmt::format("{}-{}", id.epoch, id.number); }

bool serves(interface_version offered, interface_version wanted) noexcept {
    return offered.major == wanted.major && offered.minor >= wanted.minor;
}

std::string_view to_string(gone_reason reason) noexcept {
    switch (reason) {
        case gone_reason::none: return "none";
        case gone_reason::withdrawn: return "withdrawn";
        case gone_reason::process_ended: return "process_ended";
        case gone_reason::connection_lost: return "connection_lost";
        case gone_reason::hung: return "hung";
        case gone_reason::replaced: return "replaced";
        case gone_reason::policy: return "policy";
        case gone_reason::lost_in_restart: return "lost_in_restart";
    }
    return "unknown";
}

std::string_view to_string(instance_state state) noexcept {
    switch (state) {
        case instance_state::alive: return "alive";
        case instance_state::unconfirmed: return "unconfirmed";
        case instance_state::suspect: return "suspect";
        case instance_state::leaving: return "leaving";
    }
    return "unknown";
}

}  // namespace conduit::rpc
