// SPDX-License-Identifier: BSL-1.0
//
// Paths of sockets: what is refused, how one that is too long for a socket address is reached all
// the same, and the file of a socket that is bound. For unix_stream, unix_listener, unix_datagram.
//
//     auto place = socket_place::of(path);             // to connect
//     auto claim = bound_path::claim(path);            // to bind

#pragma once

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace conduit {

/// Something wrong with a path, and the same in words. A zero code: nothing is.
struct path_trouble {
    std::error_code code;
    std::string text;
};

/// Refuses what is no path: nothing at all, zero bytes, abstract names.
path_trouble trouble_with_name(std::string_view path);

/// Refuses a path to which somebody else could give another meaning: each folder from the root (or,
/// for a relative path, from the working folder) down must belong to root or to this user, and be
/// writable by no other unless it is sticky; none may be a link. From the top down, what was found
/// good cannot be replaced by others afterwards.
path_trouble trouble_with_folders(const std::string& path);

/// The folder that holds the name, "." for none.
std::string folder_of(std::string_view path);

/// Where a socket is, as an address for as long as this lives. A path of more than 107 bytes is
/// reached by a handle on the file.
class socket_place {
public:
    static result<socket_place> of(const std::string& path);
    /// Of a name in a folder, "" for the working folder; it need not be there yet.
    static result<socket_place> within(const std::string& folder, const std::string& name);

    const socket_address& address() const noexcept { return address_; }

private:
    socket_place(unique_fd held, socket_address address) noexcept
        : held_(std::move(held)), address_(address) {}

    unique_fd held_;
    socket_address address_;
};

/// A path that this process has bound a socket to, or is about to: locked against others who do the
/// same. Destroying it removes the file, if that is still the one.
class bound_path {
public:
    bound_path() noexcept = default;
    bound_path(bound_path&& other) noexcept
        : path_(std::move(other.path_)),
          lock_(std::move(other.lock_)),
          is_ours_(std::exchange(other.is_ours_, false)),
          device_(other.device_),
          inode_(other.inode_) {}
    bound_path& operator=(bound_path&& other) noexcept;
    ~bound_path() { remove(); }

    /// Locks `path`.lock, which stays on the disk, and looks at what has the name now. Fails with
    /// std::errc::address_in_use when another holds the lock.
    static result<bound_path> claim(const std::string& path);

    /// Binds under a name of its own that nobody knows, with the mode; `listening` is then made to
    /// listen, and only then the name becomes the path, at once and in place of a stale one.
    result<void> bind_and_listen(const unique_fd& socket, unsigned mode, int backlog_max);

    /// Removes a stale one and binds. For datagrams, whose receivers see the name bound to.
    result<void> bind_in_place(const unique_fd& socket, unsigned mode);

    /// Leaves the file to somebody else.
    void release() noexcept;

    /// Removes the file and gives up the lock.
    void remove() noexcept;

    const std::string& path() const noexcept { return path_; }

private:
    result<void> note_inode();

    std::string path_;
    unique_fd lock_;
    bool is_ours_ = false;
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
};

}  // namespace conduit
