// SPDX-License-Identifier: BSL-1.0
//
// How to connect, and what is offered to the server in return. See connect.hpp.
//
//     rpc::connect_options().offer<listener>(me).connection(limits)

#pragma once

#include <conduit/channels/allowed_users.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/rpc/connection_options.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/service_table.hpp>

#include <memory>
#include <string>
#include <utility>

namespace conduit::rpc {

/// Each setter returns the options, to be chained.
class connect_options {
public:
    connect_options() = default;

    /// Lets the server call this object, which must outlive the client.
    template <class Interface>
    connect_options& offer(Interface& object) {
        offers_.add<Interface>(object);
        return *this;
    }
    connect_options& connection(connection_options limits) {
        connection_ = std::move(limits);
        return *this;
    }
    /// Whose processes may be the server at a Unix socket; this process's own user and root unless
    /// said.
    connect_options& servers(allowed_users users) {
        servers_ = std::move(users);
        return *this;
    }

    /// Speaks TLS with the server at a tcp: address (channels/tls_context.hpp), whose certificate
    /// must be for `name`, or else for the host in the address. Others do without.
    connect_options& tls(std::shared_ptr<const tls_context> context, std::string name = {}) {
        tls_ = std::move(context);
        tls_name_ = std::move(name);
        return *this;
    }

    const service_table& offers() const noexcept { return offers_; }
    const connection_options& connection() const noexcept { return connection_; }
    const allowed_users& servers() const noexcept { return servers_; }
    const std::shared_ptr<const tls_context>& tls() const noexcept { return tls_; }
    const std::string& tls_name() const noexcept { return tls_name_; }

private:
    service_table offers_;
    connection_options connection_;
    allowed_users servers_;
    std::shared_ptr<const tls_context> tls_;
    std::string tls_name_;
};

}  // namespace conduit::rpc
