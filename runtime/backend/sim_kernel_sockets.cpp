// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/sim_kernel.hpp>

#include <cerrno>

namespace conduit {
namespace {

std::error_code no_such_socket() { return std::make_error_code(std::errc::not_supported); }

result<void> outcome_of(std::int32_t outcome) {
    if (outcome < 0) return error_from_kernel(-outcome);
    return {};
}

std::int32_t number_of(const std::error_code& why) noexcept { return -why.value(); }

}  // namespace

result<std::shared_ptr<sim_socket>> sim_kernel::socket_of(int handle) const {
    sim_open* const found = open_of(handle);
    if (found == nullptr) return error_from_kernel(EBADF);
    if (found->inode->about.what != file_status::type::socket) return error_from_kernel(ENOTSOCK);
    return static_cast<sim_socket*>(found)->shared_from_this();
}

/// The socket that has this address, while it is open.
result<std::shared_ptr<sim_socket>> sim_kernel::bound_to(const socket_address& address) const {
    if (address.get_family() != socket_address::family::unix_path) return error_from_kernel(EINVAL);
    if (address.path().empty()) return error_from_kernel(ECONNREFUSED);
    const auto found = names_.find(std::string(address.path()));
    if (!found) return found.error();
    const sim_inode& there = **found;
    if (!sim_world::may_use(there, handle_access{false, true})) return error_from_kernel(EACCES);
    auto bound = there.bound.lock();
    if (bound == nullptr) return error_from_kernel(ECONNREFUSED);
    return bound;
}

// --- what may have to wait ---------------------------------------------------------------------

std::int32_t sim_kernel::send(int handle, const outgoing_message& message) {
    const auto socket = socket_of(handle);
    if (!socket) return number_of(socket.error());
    sim_cargo with;
    for (const int each : message.handles()) {
        if (open_of(each) == nullptr) return -EBADF;
        with.handles.push_back(rows_[static_cast<std::size_t>(each)]);
    }
    if (message.sends_credentials()) with.sender = sim_socket::own_credentials();
    if (message.destination() == nullptr) return (*socket)->send(message.bytes(), std::move(with));
    const auto to = bound_to(*message.destination());
    if (!to) return number_of(to.error());
    return (*socket)->send_to(**to, message.bytes(), std::move(with));
}

/// Handles for which there is no row are closed.
std::int32_t sim_kernel::receive(int handle, std::span<std::byte> into, ancillary_data& came,
                                 socket_address& from) {
    const auto socket = socket_of(handle);
    if (!socket) return number_of(socket.error());
    came = ancillary_data();
    sim_cargo cargo;
    const std::int32_t outcome = (*socket)->receive(into, cargo);
    if (outcome < 0) return outcome;
    came.truncated = cargo.truncated || cargo.handles.size() > free_rows();
    came.sender = cargo.sender;
    from = cargo.from;
    for (auto& each : cargo.handles) {
        if (free_rows() > 0) came.handles.emplace_back(*this, add(std::move(each)));
    }
    return outcome;
}

std::int32_t sim_kernel::accept(int handle) {
    const auto socket = socket_of(handle);
    if (!socket) return number_of(socket.error());
    if ((*socket)->readable() && free_rows() < 1) return -EMFILE;
    std::shared_ptr<sim_socket> made;
    const std::int32_t outcome = (*socket)->accept(made);
    return made != nullptr ? add(std::move(made)) : outcome;
}

std::int32_t sim_kernel::connect(int handle, const socket_address& to) {
    const auto socket = socket_of(handle);
    if (!socket) return number_of(socket.error());
    const auto bound = bound_to(to);
    if (!bound) return number_of(bound.error());
    return (*socket)->connect(**bound);
}

std::int32_t sim_kernel::shutdown(int handle, io_handle::direction which) {
    const auto socket = socket_of(handle);
    if (!socket) return number_of(socket.error());
    return (*socket)->shutdown(which);
}

void sim_kernel::end_connection(int handle) {
    if (const auto socket = socket_of(handle)) (*socket)->end_connection();
}

// --- what is done at once ----------------------------------------------------------------------

result<std::pair<unique_fd, unique_fd>> sim_kernel::make_socket_pair(socket_kind kind) {
    if (free_rows() < 2) return error_from_kernel(EMFILE);
    const auto one = std::make_shared<sim_socket>(world_, kind);
    const auto other = std::make_shared<sim_socket>(world_, kind);
    sim_socket::join(*one, *other);
    unique_fd first(*this, add(one));
    unique_fd second(*this, add(other));
    return std::pair(std::move(first), std::move(second));
}

result<unique_fd> sim_kernel::make_socket(socket_family family, socket_kind kind) {
    if (family != socket_family::unix_domain) return no_such_socket();
    if (free_rows() < 1) return error_from_kernel(EMFILE);
    return owned(std::make_shared<sim_socket>(world_, kind));
}

result<void> sim_kernel::bind(const unique_fd& socket, const socket_address& address) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    if (address.get_family() != socket_address::family::unix_path) return error_from_kernel(EINVAL);
    if (address.path().empty()) return no_such_socket();  // abstract names
    if ((*found)->is_named()) return error_from_kernel(EINVAL);
    const unsigned mode = (*found)->inode->about.mode;
    auto made = names_.make(std::string(address.path()), file_status::type::socket, mode);
    if (made.error() == std::errc::file_exists) return error_from_kernel(EADDRINUSE);
    if (!made) return made.error();
    (*made)->bound = *found;
    (*found)->set_name(address);
    return {};
}

result<void> sim_kernel::listen(const unique_fd& socket, int backlog_max) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    return outcome_of((*found)->listen(backlog_max));
}

result<socket_address> sim_kernel::local_address(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    return (*found)->name();
}

result<socket_address> sim_kernel::peer_address(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    if (!(*found)->has_peer()) return error_from_kernel(ENOTCONN);
    return (*found)->peer_name();
}

/// Those that a simulation has no use for are accepted.
result<void> sim_kernel::set_option(const unique_fd& socket, socket_option option, int value) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    if (option == socket_option::pass_credentials) (*found)->pass_credentials(value != 0);
    if (option == socket_option::pass_handles) (*found)->pass_handles(value != 0);
    if (option == socket_option::send_buffer_bytes) (*found)->send_buffer(value);
    return {};
}

result<credentials> sim_kernel::peer_credentials(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    if ((*found)->has_peer() || (*found)->is_listening()) return sim_socket::own_credentials();
    credentials nobody;
    nobody.uid = nobody.gid = UINT32_MAX;
    return nobody;
}

/// The one process of a simulation has no groups beside its own.
result<std::vector<std::uint32_t>> sim_kernel::peer_groups(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    return std::vector<std::uint32_t>();
}

result<std::size_t> sim_kernel::unread_by_peer(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    return (*found)->unread_by_peer();
}

result<std::optional<credentials>> sim_kernel::next_sender(const unique_fd& socket) {
    const auto found = socket_of(socket.handle());
    if (!found) return found.error();
    const std::int32_t there = (*found)->bytes_there();
    if (there == sim_would_wait) return error_from_kernel(EAGAIN);
    if (there < 0) return error_from_kernel(-there);
    return (*found)->next_sender();
}

}  // namespace conduit
