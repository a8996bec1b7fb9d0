// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/rpc/detail/file_rights.hpp>
#include <conduit/rpc/detail/trusted_servers.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <string>
#include <system_error>

namespace conduit::rpc::detail {
namespace {

/// The status of a folder that nobody but its owner and root can change.
result<file_status> closed_folder(const std::string& path) {
    auto status = current_kernel().status_of(path);
    if (!status) return status;
    const bool closed =
        status->what == file_status::type::directory && (status->mode & writable_by_others) == 0;
    if (!closed) return std::make_error_code(std::errc::permission_denied);
    return status;
}

}  // namespace

bool is_held_by_root(const std::string& folder) {
    const auto status = closed_folder(folder);
    if (!status || status->owner != root_user) return false;
    return folder == "/" || is_held_by_root(folder_of(folder));
}

allowed_users trusted_at(const address& where, allowed_users given) {
    if (where.kind() != address_kind::unix_socket || !where.path().starts_with('/')) return given;
    const std::string folder = folder_of(where.path());
    const auto last = closed_folder(folder);
    if (last && is_held_by_root(folder_of(folder))) given.allow_uid(last->owner);
    return given;
}

}  // namespace conduit::rpc::detail
