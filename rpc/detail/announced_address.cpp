// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/announced_address.hpp>

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/rpc/detail/own_shortage.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>

namespace conduit::rpc::detail {
namespace {

std::string text_of(clock::duration limit) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    return fmt::format("not within {} ms (accept_within)", ms);
}

fault cannot_look(const address& where, std::error_code why) {
    return fault(status::resource_exhausted,
                 fmt::format("the matchmaker cannot look who is at {}: {}",
                             quoted(to_string(where)), why.message()));
}

fault not_reached(const address& where, std::error_code why, clock::duration limit) {
    if (is_own_shortage(why)) return cannot_look(where, why);
    const stop_reason stopped = current_context().why_stopped();
    const status code = stopped == stop_reason::timed_out   ? status::deadline_exceeded
                        : stopped == stop_reason::cancelled ? status::cancelled
                                                            : status::unavailable;
    return fault(code, fmt::format("nobody accepts at {}: {}", quoted(to_string(where)),
                                   why == errc::timed_out ? text_of(limit) : why.message()));
}

/// Only an address of this host can be bound to; port 0 takes nobody's.
result<void> bind_to_any_port(socket_address where) {
    const auto family = where.get_family() == socket_address::family::ipv4 ? socket_family::ipv4
                                                                           : socket_family::ipv6;
    kernel& here = current_kernel();
    auto socket = here.make_socket(family, socket_kind::stream);
    if (!socket) return socket.error();
    return here.bind(*socket, where);
}

result<void, fault> check_host(const address& where) {
    const std::string& host = where.host();
    if (host == "localhost") return {};
    if (host == "0.0.0.0" || host == "::") {
        return fault(status::invalid_argument,
                     fmt::format("{}: this is any address of a host, so nobody can connect to it",
                                 quoted(to_string(where))));
    }
    auto numeric = socket_address::ip(host, 0);
    if (!numeric) {
        return fault(status::invalid_argument,
                     fmt::format("{}: the host of an announced address is a number, or localhost",
                                 quoted(to_string(where))));
    }
    const auto bound = bind_to_any_port(*numeric);
    if (bound) return {};
    if (is_own_shortage(bound.error())) return cannot_look(where, bound.error());
    return fault(status::invalid_argument,
                 fmt::format("{}: this is no address of this host", quoted(to_string(where))));
}

task<result<void, fault>> check_unix(address where, std::uint32_t owner, clock::duration limit) {
    auto reached = co_await connect_to_announced(std::move(where), owner, limit);
    if (!reached) co_return reached.error();
    co_return result<void, fault>();
}

}  // namespace

task<result<unix_stream, fault>> connect_to_announced(address where, std::uint32_t owner,
                                                      clock::duration limit) {
    const address own = std::move(where);
    allowed_users anybody;  // the check below is a narrower one
    anybody.allow_any();
    auto connecting = unix_stream::connect(own.path(), std::move(anybody));
    auto stream = co_await within(limit, std::move(connecting));
    if (!stream) co_return not_reached(own, stream.error(), limit);
    auto listener = stream->connected_by();
    if (!listener) co_return not_reached(own, listener.error(), limit);
    if (listener->uid != owner) {
        co_return fault(status::permission_denied,
                        fmt::format("user {} listens at {}, not user {}", listener->uid,
                                    quoted(to_string(own)), owner));
    }
    co_return std::move(*stream);
}

task<result<void, fault>> check_announced(address where, std::uint32_t owner,
                                          clock::duration limit) {
    const address own = std::move(where);
    if (own.kind() == address_kind::unix_socket) co_return co_await check_unix(own, owner, limit);
    co_return check_host(own);
}

task<result<void, fault>> probe_announced(address where, std::uint32_t owner,
                                          clock::duration limit) {
    const address own = std::move(where);
    if (own.kind() == address_kind::unix_socket) co_return co_await check_unix(own, owner, limit);
    auto connecting = tcp_stream::connect(own.host(), own.service());
    auto stream = co_await within(limit, std::move(connecting));
    // Here it is the ports of this host that all are taken.
    const bool has_no_port = stream.error() == std::errc::address_not_available;
    if (has_no_port) co_return cannot_look(own, stream.error());
    if (!stream) co_return not_reached(own, stream.error(), limit);
    co_return result<void, fault>();
}

}  // namespace conduit::rpc::detail
