// SPDX-License-Identifier: BSL-1.0
//
// Who may announce what: the question the matchmaker's table asks. Reserved names are refused
// before it is asked, see registry_name.hpp.
//
//     registry table(epoch, uid, limits, policy);    // the policy outlives the table

#pragma once

#include <cstdint>
#include <string_view>

namespace conduit::rpc::detail {

enum class announce_right : std::uint8_t {
    refused,
    while_free,  // while no instance of another user is there
    shared,      // beside those of others as well
};

class announce_policy {
public:
    virtual announce_right may_announce(std::uint32_t uid, std::string_view name) const = 0;

protected:
    ~announce_policy() = default;
};

/// Any name, for whoever comes first.
class first_come_policy final : public announce_policy {
public:
    announce_right may_announce(std::uint32_t /*uid*/, std::string_view /*name*/) const override {
        return announce_right::while_free;
    }
};

}  // namespace conduit::rpc::detail
