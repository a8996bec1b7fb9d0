// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/tcp_socket.hpp>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <utility>

namespace conduit {
namespace {

using family = socket_address::family;

std::error_code wrong_argument() { return std::make_error_code(std::errc::invalid_argument); }

bool is_ip(const socket_address& address) noexcept {
    return address.get_family() == family::ipv4 || address.get_family() == family::ipv6;
}

struct setting {
    socket_option option;
    std::chrono::milliseconds::rep value;
    bool wanted;
};

}  // namespace

result<unique_fd> make_ip_socket(const socket_address& like, socket_kind kind) {
    if (!is_ip(like)) return wrong_argument();
    const bool four = like.get_family() == family::ipv4;
    return current_kernel().make_socket(four ? socket_family::ipv4 : socket_family::ipv6, kind);
}

result<void> check_reach(const socket_address& of, bool beyond_loopback) {
    if (!is_ip(of)) return wrong_argument();
    if (of.is_loopback() || beyond_loopback) return {};
    return std::make_error_code(std::errc::operation_not_permitted);
}

result<void> apply(const tcp_options& options, const unique_fd& socket) {
    const bool asks = options.keep_alive_idle().count() != 0;
    const std::array settings = {
        setting{socket_option::no_delay, 1, options.no_delay()},
        setting{socket_option::keep_alive, 1, asks},
        setting{socket_option::keep_alive_idle_seconds, options.keep_alive_idle().count(), asks},
        setting{socket_option::keep_alive_interval_seconds, options.keep_alive_interval().count(),
                asks},
        setting{socket_option::keep_alive_probes, options.keep_alive_probes(), asks},
        setting{socket_option::user_timeout_milliseconds, options.user_timeout().count(),
                options.user_timeout().count() != 0},
    };
    for (const setting& each : settings) {
        if (!each.wanted) continue;
        if (each.value < 1 || each.value > INT_MAX) return wrong_argument();
        auto set = current_kernel().set_option(socket, each.option, static_cast<int>(each.value));
        if (!set) return set;
    }
    return {};
}

result<io_handle> attach_ip_socket(unique_fd fd, socket_kind kind) {
    kernel& here = current_kernel();
    const auto found = here.kind_of(fd);
    if (!found) return found.error();
    const auto wanted =
        kind == socket_kind::stream ? handle_kind::stream_socket : handle_kind::datagram_socket;
    if (*found != wanted) return wrong_argument();
    const auto local = here.local_address(fd);
    if (!local) return local.error();
    if (!is_ip(*local)) return wrong_argument();
    return io_handle::attach(std::move(fd));
}

std::vector<socket_address> interleaved(const std::vector<socket_address>& addresses) {
    std::vector<socket_address> first;
    std::vector<socket_address> second;
    for (const socket_address& each : addresses) {
        const bool as_first = each.get_family() == addresses.front().get_family();
        (as_first ? first : second).push_back(each);
    }
    std::vector<socket_address> mixed;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) mixed.push_back(first[i]);
        if (i < second.size()) mixed.push_back(second[i]);
    }
    return mixed;
}

}  // namespace conduit
