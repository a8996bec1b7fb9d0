// SPDX-License-Identifier: BSL-1.0
//
// What somebody asks of the instances of an interface beside its name; see matchmaker.hpp.
//
//     auto there = co_await here.connect<calculator>(rpc::wanted().version(1, 2).tag("zone=eu"));

#pragma once

#include <conduit/rpc/instance.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::rpc {

/// Each setter returns the whole, to be chained. Unless something is said, any instance will do.
class wanted {
public:
    /// This major version, and no smaller minor one.
    wanted& version(std::uint32_t major, std::uint32_t minor = 0) noexcept {
        version_ = interface_version{major, minor};
        return *this;
    }
    /// One more tag; an instance has to have all of them.
    wanted& tag(std::string text) {
        tags_.push_back(std::move(text));
        return *this;
    }

    const std::optional<interface_version>& version() const noexcept { return version_; }
    const std::vector<std::string>& tags() const noexcept { return tags_; }

    /// The same of the interface of that name.
    instance_query of(std::string_view name) const {
        return instance_query{std::string(name), version_, tags_};
    }

private:
    std::optional<interface_version> version_;
    std::vector<std::string> tags_;
};

}  // namespace conduit::rpc
