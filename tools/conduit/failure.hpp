// SPDX-License-Identifier: BSL-1.0
//
// Why a command ends without what was asked for: what is said of it and how the program exits.
//
//     throw failure(exit_code::not_found, "nobody offers demo.calculator.v1");
//     throw failure::of(fault, "conduit.stats/now", "unix:/run/x");

#pragma once

#include "exit_code.hpp"

#include <conduit/rpc/fault.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace conduit::tool {

/// Its text names what failed and where. It may hold what a peer said, as it came.
class failure : public std::runtime_error {
public:
    failure(exit_code code, const std::string& text) : std::runtime_error(text), code_(code) {}

    /// Of a call of `what` at `where`, either of which may be empty.
    static failure of(const rpc::fault& why, std::string_view what, std::string_view where = {});

    exit_code code() const noexcept { return code_; }
    failure& code(exit_code other) noexcept {
        code_ = other;
        return *this;
    }
    /// "invalid_argument", or the name of an error that the method lists; empty where no call was
    /// involved.
    const std::string& status() const noexcept { return status_; }
    /// The fields of that error, as JSON text; empty where there are none.
    const std::string& details() const noexcept { return details_; }
    failure& details(std::string json) {
        details_ = std::move(json);
        return *this;
    }

private:
    exit_code code_;
    std::string status_;
    std::string details_;
};

/// How the program exits after a call that failed so.
exit_code exit_code_of(const rpc::fault& why) noexcept;

}  // namespace conduit::tool
