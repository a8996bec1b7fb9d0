// SPDX-License-Identifier: BSL-1.0
//
// Whose processes may be the server at an address that came from a matchmaker: one's own, root's,
// and those of the user to whom root has given the folder of the socket.
//
//     options.servers(trusted_at(where, options.servers()));

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/allowed_users.hpp>

#include <string>

namespace conduit::rpc::detail {

/// `given`, and for a unix: address the owner of the socket's folder, if the folder is writable by
/// nobody else and each folder above it belongs to root and is writable by root alone: nobody but
/// root can have put it there.
allowed_users trusted_at(const address& where, allowed_users given);

/// Whether only root can give the path of `folder`, which is absolute, another meaning.
bool is_held_by_root(const std::string& folder);

}  // namespace conduit::rpc::detail
