// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/socket_path.hpp>

#include <conduit/channels/unix_error.hpp>

#include <fmt/format.h>

#include <array>
#include <bit>
#include <span>

namespace conduit {
namespace {

constexpr std::uint32_t root = 0;
constexpr std::uint32_t writable_by_others = 0022;
constexpr std::uint32_t sticky = 01000;

constexpr std::string_view lock_suffix = ".lock";

path_trouble trouble_with_folder(const std::string& folder, std::uint32_t own) {
    const auto not_trusted = make_error_code(unix_errc::folder_not_trusted);
    auto status = current_kernel().status_of(folder);
    if (!status) return {status.error(), folder + ": " + status.error().message()};
    if (status->what == file_status::type::symbolic_link) {
        return {not_trusted, folder + " is a symbolic link: name the folder that it leads to"};
    }
    if (status->what != file_status::type::directory) {
        return {std::make_error_code(std::errc::not_a_directory), folder + " is no folder"};
    }
    if (status->owner != root && status->owner != own) {
        return {not_trusted, fmt::format("{} belongs to user {}, neither to root nor to user {}",
                                         folder, status->owner, own)};
    }
    if ((status->mode & writable_by_others) != 0 && (status->mode & sticky) == 0) {
        return {not_trusted,
                fmt::format("{} is writable by others (mode {:04o})", folder, status->mode)};
    }
    return {};
}

/// Whether there is something that is no socket.
bool is_taken(kernel& here, const std::string& path) {
    const auto there = here.status_of(path);
    return there && there->what != file_status::type::socket;
}

/// A name that no other process has.
std::string name_by_chance() {
    std::array<std::byte, sizeof(std::uint64_t)> drawn{};
    current_kernel().random(drawn);
    return fmt::format(".conduit-{:016x}", std::bit_cast<std::uint64_t>(drawn));
}

result<socket_address> address_through(const unique_fd& held, std::string_view name) {
    auto number = held.native();
    if (!number) return number.error();
    return socket_address::unix_path(fmt::format("/proc/self/fd/{}{}", *number, name));
}

std::string joined(const std::string& folder, const std::string& name) {
    return folder.empty() || folder.ends_with('/') ? folder + name : folder + "/" + name;
}

/// The mode that was asked for, whatever the umask took away of it.
result<void> set_mode(kernel& here, const std::string& path, unsigned mode) {
    auto status = here.status_of(path);
    if (!status) return status.error();
    if (status->mode == mode) return {};
    return here.change_mode(path, mode);
}

}  // namespace

path_trouble trouble_with_name(std::string_view path) {
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    if (path.empty()) return {invalid, "the path of a socket is empty"};
    if (path.front() == '\0' || path.front() == '@') {
        const auto code = make_error_code(unix_errc::abstract_name);
        return {code, code.message()};
    }
    if (path.find('\0') != path.npos) return {invalid, "the path of a socket has a zero byte"};
    if (path.ends_with('/')) return {invalid, "the path of a socket ends in a slash"};
    constexpr std::size_t name_max = 255 - lock_suffix.size();
    const std::size_t name = path.size() - (path.rfind('/') + 1);  // npos + 1 is 0
    if (name > name_max) {
        return {std::make_error_code(std::errc::filename_too_long),
                fmt::format("the name of a socket has {} bytes of {} at most", name, name_max)};
    }
    return {};
}

path_trouble trouble_with_folders(const std::string& path) {
    const std::uint32_t own = current_kernel().effective_user();
    path_trouble found = trouble_with_folder(path.front() == '/' ? "/" : ".", own);
    std::size_t slash = path.find('/', 1);
    for (; !found.code && slash != std::string::npos; slash = path.find('/', slash + 1)) {
        if (path[slash - 1] == '/') continue;
        found = trouble_with_folder(path.substr(0, slash), own);
    }
    return found;
}

std::string folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

result<socket_place> socket_place::of(const std::string& path) {
    auto address = socket_address::unix_path(path);
    if (address) return socket_place({}, *address);
    if (address.error() != std::errc::filename_too_long) return address.error();
    auto held = current_kernel().open_place(path);
    if (!held) return held.error();
    auto through = address_through(*held, "");
    if (!through) return through.error();
    return socket_place(std::move(*held), *through);
}

result<socket_place> socket_place::within(const std::string& folder, const std::string& name) {
    auto address = socket_address::unix_path(joined(folder, name));
    if (address) return socket_place({}, *address);
    if (address.error() != std::errc::filename_too_long) return address.error();
    auto held = current_kernel().open_place(folder.empty() ? "." : folder);
    if (!held) return held.error();
    auto through = address_through(*held, "/" + name);
    if (!through) return through.error();
    return socket_place(std::move(*held), *through);
}

bound_path& bound_path::operator=(bound_path&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_, other.lock_);
    std::swap(is_ours_, other.is_ours_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

result<bound_path> bound_path::claim(const std::string& path) {
    kernel& here = current_kernel();
    // Before the lock as well: beside a file of another kind none is made.
    if (is_taken(here, path)) return make_error_code(unix_errc::path_taken);
    auto lock = here.lock_file(path + std::string(lock_suffix));
    if (!lock) {
        const bool held = lock.error() == std::errc::resource_unavailable_try_again;
        return held ? std::make_error_code(std::errc::address_in_use) : lock.error();
    }
    if (is_taken(here, path)) return make_error_code(unix_errc::path_taken);
    bound_path claimed;
    claimed.path_ = path;
    claimed.lock_ = std::move(*lock);
    return claimed;
}

result<void> bound_path::note_inode() {
    auto status = current_kernel().status_of(path_);
    if (!status) return status.error();
    device_ = status->device;
    inode_ = status->inode;
    is_ours_ = true;
    return {};
}

result<void> bound_path::bind_and_listen(const unique_fd& socket, unsigned mode, int backlog_max) {
    kernel& here = current_kernel();
    const std::string folder = folder_of(path_);
    const std::string name = name_by_chance();
    const std::string first_path = joined(folder, name);
    auto place = socket_place::within(folder, name);
    if (!place) return place.error();
    auto moded = here.change_mode(socket, mode);
    if (!moded) return moded;
    auto bound = here.bind(socket, place->address());
    if (!bound) return bound;
    auto done = set_mode(here, first_path, mode);
    if (done) done = here.listen(socket, backlog_max);
    if (done) done = here.rename(first_path, path_);
    if (done) return note_inode();
    static_cast<void>(here.remove(first_path));
    return done;
}

result<void> bound_path::bind_in_place(const unique_fd& socket, unsigned mode) {
    kernel& here = current_kernel();
    auto removed = here.remove(path_);
    if (!removed && removed.error() != std::errc::no_such_file_or_directory) return removed;
    const std::size_t slash = path_.rfind('/');
    // Receivers see this name, so one in the working folder gets no "./" in front.
    const std::string folder = slash == std::string::npos ? "" : folder_of(path_);
    auto place = socket_place::within(folder, path_.substr(slash + 1));
    if (!place) return place.error();
    auto moded = here.change_mode(socket, mode);
    if (!moded) return moded;
    auto bound = here.bind(socket, place->address());
    if (!bound) return bound;
    auto noted = note_inode();
    if (!noted) return noted;
    return set_mode(here, path_, mode);
}

void bound_path::release() noexcept {
    is_ours_ = false;
    lock_.reset();
}

void bound_path::remove() noexcept {
    if (is_ours_) {
        // Not the current kernel: a listener may outlive the run of its scheduler.
        kernel& here = *lock_.owner();
        auto status = here.status_of(path_);
        const bool same = status && status->device == device_ && status->inode == inode_;
        if (same) static_cast<void>(here.remove(path_));
    }
    release();
}

}  // namespace conduit
