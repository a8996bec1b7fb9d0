// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_listener.hpp>

#include <conduit/channels/detail/acceptor.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/runtime/backend/kernel.hpp>

namespace conduit {
namespace {

/// What the streams inherit that it accepts.
result<void> set_options(kernel& here, const unique_fd& socket,
                         const unix_listen_options& options) {
    if (options.handles().per_message_max() == 0) {
        static_cast<void>(here.set_option(socket, socket_option::pass_handles, 0));
    }
    return here.set_option(socket, socket_option::pass_credentials, 1);
}

}  // namespace

std::string socket_path_trouble(const std::string& path) {
    path_trouble trouble = trouble_with_name(path);
    if (!trouble.code) trouble = trouble_with_folders(path);
    return trouble.text;
}

unix_listener::unix_listener(io_handle handle, bound_path bound, const unix_listen_options& options)
    : bound_(std::make_unique<bound_path>(std::move(bound))),
      handle_(std::move(handle)),
      options_(options) {}

unix_listener::unix_listener(unix_listener&& other) noexcept = default;
unix_listener& unix_listener::operator=(unix_listener&& other) noexcept {
    std::swap(bound_, other.bound_);
    std::swap(handle_, other.handle_);
    std::swap(options_, other.options_);
    std::swap(counters_, other.counters_);
    std::swap(tells_refusal_, other.tells_refusal_);
    return *this;
}
unix_listener::~unix_listener() { close(); }

result<unix_listener> unix_listener::listen(const std::string& path,
                                            const unix_listen_options& options) {
    path_trouble trouble = trouble_with_name(path);
    if (!trouble.code && !options.trusts_folders()) trouble = trouble_with_folders(path);
    if (trouble.code) return trouble.code;
    kernel& here = current_kernel();
    auto claimed = bound_path::claim(path);
    if (!claimed) return claimed.error();
    auto socket = here.make_socket(socket_family::unix_domain, socket_kind::stream);
    if (!socket) return socket.error();
    auto set = set_options(here, *socket, options);
    if (!set) return set.error();
    auto bound = claimed->bind_and_listen(*socket, options.mode(), options.backlog_max());
    if (!bound) return bound.error();
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) return handle.error();
    return unix_listener(std::move(*handle), std::move(*claimed), options);
}

result<unix_listener> unix_listener::adopt(unique_fd fd, const unix_listen_options& options) {
    kernel& here = current_kernel();
    const auto wrong = std::make_error_code(std::errc::invalid_argument);
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    if (*kind != handle_kind::stream_socket) return wrong;
    auto address = here.local_address(fd);
    if (!address) return address.error();
    if (address->get_family() != socket_address::family::unix_path) return wrong;
    auto set = set_options(here, fd, options);
    if (!set) return set.error();
    auto listening = here.listen(fd, options.backlog_max());
    if (!listening) return listening.error();
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    return unix_listener(std::move(*handle), bound_path(), options);
}

bool unix_listener::lets_in(const unix_stream& peer) {
    auto who = peer.connected_by();
    if (!who) {
        ++counters_.refused;
        return false;
    }
    const allowed_users& allowed = options_.clients();
    const auto groups = allowed.has_groups() ? peer.peer_groups() : std::vector<std::uint32_t>();
    if (allowed.includes(*who, groups, current_kernel().effective_user())) return true;
    ++counters_.refused;
    if (tells_refusal_) tells_refusal_(*who);
    return false;
}

task<result<unix_stream>> unix_listener::accept() {
    for (;;) {
        auto fd = co_await accept_patiently(handle_, counters_);
        if (!fd) co_return fd.error();
        auto peer =
            unix_stream::attach(std::move(*fd), options_.handles(), unix_stream::telling::first);
        if (peer && lets_in(*peer)) co_return peer;
        if (!peer) ++counters_.refused;
    }
}

void unix_listener::close() noexcept {
    // The file first: who finds it can connect.
    if (bound_ != nullptr) bound_->remove();
    handle_.close();
}

result<unique_fd> unix_listener::detach() {
    auto fd = handle_.detach();
    if (fd) bound_->release();
    return fd;
}

const std::string& unix_listener::path() const noexcept { return bound_->path(); }

}  // namespace conduit
