// SPDX-License-Identifier: BSL-1.0
#include "loopback.hpp"

#include <conduit/runtime/backend/kernel.hpp>

#include <utility>

namespace conduit::test {

loopback_listener listen_on_loopback(int backlog_max) {
    kernel& here = current_kernel();
    loopback_listener made;
    made.socket = here.make_socket(socket_family::ipv4, socket_kind::stream).value();
    here.bind(made.socket, socket_address::ipv4_loopback(0)).value();
    here.listen(made.socket, backlog_max).value();
    made.address = here.local_address(made.socket).value();
    return made;
}

io_handle attached_tcp_socket() {
    auto socket = current_kernel().make_socket(socket_family::ipv4, socket_kind::stream).value();
    return io_handle::attach(std::move(socket)).value();
}

loopback_listener listen_on_path(const std::string& path, int backlog_max) {
    kernel& here = current_kernel();
    loopback_listener made;
    made.address = socket_address::unix_path(path).value();
    made.socket = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
    here.bind(made.socket, made.address).value();
    here.listen(made.socket, backlog_max).value();
    return made;
}

io_handle attached_unix_socket() {
    constexpr auto family = socket_family::unix_domain;
    auto socket = current_kernel().make_socket(family, socket_kind::stream).value();
    return io_handle::attach(std::move(socket)).value();
}

}  // namespace conduit::test
