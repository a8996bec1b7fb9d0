// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_datagram.hpp>

#include <conduit/channels/detail/back_off.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>

#include <chrono>

namespace conduit {
namespace {

using namespace std::chrono_literals;

result<unique_fd> make_socket() {
    return current_kernel().make_socket(socket_family::unix_domain, socket_kind::datagram);
}

}  // namespace

unix_datagram::unix_datagram(io_handle handle, bound_path bound, handle_policy policy)
    : bound_(std::make_unique<bound_path>(std::move(bound))),
      handle_(std::move(handle)),
      gate_(policy) {}

unix_datagram::unix_datagram(unix_datagram&& other) noexcept = default;
unix_datagram& unix_datagram::operator=(unix_datagram&& other) noexcept {
    std::swap(bound_, other.bound_);
    std::swap(handle_, other.handle_);
    std::swap(gate_, other.gate_);
    return *this;
}
unix_datagram::~unix_datagram() { close(); }

result<unix_datagram> unix_datagram::attach(unique_fd fd, bound_path bound,
                                            const unix_datagram_options& options) {
    kernel& here = current_kernel();
    if (options.handles().per_message_max() == 0) {
        static_cast<void>(here.set_option(fd, socket_option::pass_handles, 0));
    }
    if (options.wants_credentials()) {
        auto set = here.set_option(fd, socket_option::pass_credentials, 1);
        if (!set) return set.error();
    }
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    return unix_datagram(std::move(*handle), std::move(bound), options.handles());
}

result<unix_datagram> unix_datagram::make(const unix_datagram_options& options) {
    auto socket = make_socket();
    if (!socket) return socket.error();
    return attach(std::move(*socket), bound_path(), options);
}

result<unix_datagram> unix_datagram::bind(const std::string& path,
                                          const unix_datagram_options& options) {
    path_trouble trouble = trouble_with_name(path);
    if (!trouble.code && !options.trusts_folders()) trouble = trouble_with_folders(path);
    if (trouble.code) return trouble.code;
    auto claimed = bound_path::claim(path);
    if (!claimed) return claimed.error();
    auto socket = make_socket();
    if (!socket) return socket.error();
    auto bound = claimed->bind_in_place(*socket, options.mode());
    if (!bound) return bound.error();
    return attach(std::move(*socket), std::move(*claimed), options);
}

result<unix_datagram> unix_datagram::adopt(unique_fd fd, const unix_datagram_options& options) {
    kernel& here = current_kernel();
    const auto wrong = std::make_error_code(std::errc::invalid_argument);
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    if (*kind != handle_kind::datagram_socket) return wrong;
    auto address = here.local_address(fd);
    if (!address) return address.error();
    if (address->get_family() != socket_address::family::unix_path) return wrong;
    return attach(std::move(fd), bound_path(), options);
}

task<result<void>> unix_datagram::connect(std::string path) {
    const std::string own_path = std::move(path);
    const path_trouble trouble = trouble_with_name(own_path);
    if (trouble.code) co_return trouble.code;
    auto place = socket_place::of(own_path);
    if (!place) co_return place.error();
    co_return co_await handle_.connect(place->address());
}

task<result<std::size_t>> unix_datagram::send_to(std::string path,
                                                 std::span<const std::byte> bytes) {
    const std::string own_path = std::move(path);
    const path_trouble trouble = trouble_with_name(own_path);
    if (trouble.code) co_return trouble.code;
    back_off pause(1ms, 50ms);
    for (;;) {
        auto place = socket_place::of(own_path);
        if (!place) co_return place.error();
        outgoing_message message(bytes);
        message.to(place->address());
        auto sent = co_await handle_.send(message);
        if (sent.error() != std::errc::resource_unavailable_try_again) co_return sent;
        const std::error_code ended = co_await sleep_for(pause.next());
        if (ended) co_return ended;
    }
}

task<result<received_datagram>> unix_datagram::receive(std::span<std::byte> buffer) {
    incoming_message message(buffer);
    auto got = co_await handle_.receive(message);
    if (!got) co_return got.error();
    received_datagram arrived;
    arrived.truncated = std::exchange(message.truncated, false);
    arrived.bytes = *got;
    arrived.sender = message.sender;
    arrived.from = message.from.path();
    if (arrived.truncated) co_return arrived;  // its handles may not be all: closed
    auto handles = gate_.let_in(message);
    if (!handles) co_return handles.error();
    arrived.handles = std::move(*handles);
    co_return arrived;
}

void unix_datagram::close() noexcept {
    if (bound_ != nullptr) bound_->remove();
    handle_.close();
}

result<unique_fd> unix_datagram::detach() {
    auto fd = handle_.detach();
    if (fd) bound_->release();
    return fd;
}

const std::string& unix_datagram::path() const noexcept { return bound_->path(); }

}  // namespace conduit
