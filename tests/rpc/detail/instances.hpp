// SPDX-License-Identifier: BSL-1.0
//
// Owners and offers for the tests of the matchmaker's table.

#pragma once

#include "../../support/queries.hpp"

#include <conduit/rpc/detail/change_history.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

inline constexpr rpc::boot_id this_boot{1, 2, 3};

inline rpc::instance_owner process_of(std::uint32_t uid, std::int32_t pid = 1) {
    return {uid, pid, this_boot, static_cast<std::uint64_t>(pid) * 100};
}

inline rpc::instance_offer offer_of(std::string name, std::string address = "unix:/x",
                                    std::uint32_t weight = 100,
                                    std::vector<std::string> tags = {}) {
    return {std::move(name), std::move(address), {1, 0}, weight, std::move(tags)};
}

inline rpc::detail::instance_ptr instance_of(std::string name, std::uint64_t number,
                                             std::uint32_t uid = 1) {
    rpc::instance made;
    made.id = {1, number};
    made.owner = process_of(uid);
    made.offer = offer_of(std::move(name));
    return std::make_shared<rpc::instance>(std::move(made));
}

inline rpc::detail::registry_change change_of(std::uint64_t revision,
                                              rpc::detail::instance_ptr what) {
    return {revision, rpc::change_kind::announced, rpc::gone_reason::none, std::move(what), {}};
}

}  // namespace conduit::test
