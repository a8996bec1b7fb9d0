// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/tcp_socket.hpp>
#include <conduit/channels/resolver.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <optional>
#include <system_error>

namespace conduit {
namespace {

using addresses = std::vector<socket_address>;

/// Several addresses tried side by side.
struct contest {
    event changed;  // an attempt has ended
    std::optional<io_handle> winner;
    std::error_code last_error;
    std::size_t running = 0;
};

/// A connect to an unused port out of those that the kernel gives to clients may meet itself.
bool is_connected_to_itself(const io_handle& handle) {
    const auto local = current_kernel().local_address(handle.owned());
    const auto peer = current_kernel().peer_address(handle.owned());
    return local && peer && *local == *peer;
}

task<result<io_handle>> connect_to(socket_address address, tcp_options options) {
    auto socket = make_ip_socket(address, socket_kind::stream);
    if (!socket) co_return socket.error();
    auto applied = apply(options, *socket);
    if (!applied) co_return applied.error();
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) co_return handle.error();
    auto connected = co_await handle->connect(address);
    if (!connected) co_return connected.error();
    if (is_connected_to_itself(*handle)) {
        co_return std::make_error_code(std::errc::connection_refused);
    }
    co_return std::move(*handle);
}

task<> attempt(socket_address address, tcp_options options, contest& in) {
    auto handle = co_await connect_to(address, options);
    --in.running;
    if (!handle) {
        in.last_error = handle.error();
    } else if (!in.winner) {
        in.winner = std::move(*handle);
    }
    in.changed.set();
}

/// Waits until one of the attempts under way has ended; yields why the wait ended otherwise.
task<std::error_code> any_change(contest& in) {
    in.changed.reset();
    const std::error_code ended = co_await in.changed.wait();
    co_return ended;
}

/// The first one that connects; what the last one failed with if none does.
task<result<io_handle>> connect_to_any(addresses in_order, tcp_options options) {
    contest held;
    task_scope attempts;
    std::error_code stopped;
    for (std::size_t next = 0; !held.winner && !stopped;) {
        if (next < in_order.size()) {
            ++held.running;
            attempts.spawn(attempt(in_order[next], options, held));
            ++next;
        } else if (held.running == 0) {
            break;
        }
        if (next < in_order.size()) {
            stopped = co_await within(options.attempt_delay(), any_change(held));
            if (stopped && !stop_requested()) stopped.clear();  // the head start is over
        } else {
            stopped = co_await any_change(held);
        }
    }
    attempts.request_stop();
    co_await attempts.join();
    if (held.winner) co_return std::move(*held.winner);
    co_return stopped ? stopped : held.last_error;
}

task<result<io_handle>> connect_by_name(std::string host, std::string service,
                                        tcp_options options) {
    auto found = co_await resolve(std::move(host), std::move(service));
    if (!found) co_return found.error();
    auto in_order = interleaved(*found);
    co_return co_await connect_to_any(std::move(in_order), options);
}

}  // namespace

task<result<tcp_stream>> tcp_stream::connect(std::string host, std::string service,
                                             tcp_options options) {
    const auto limit = options.connect_timeout();
    auto connecting = connect_by_name(std::move(host), std::move(service), options);
    auto handle = co_await within(limit, std::move(connecting));
    if (!handle) co_return handle.error();
    co_return tcp_stream(std::move(*handle));
}

task<result<tcp_stream>> tcp_stream::connect(std::vector<socket_address> addresses,
                                             tcp_options options) {
    CONDUIT_ASSERT(!addresses.empty(), "a connection needs an address");
    const auto limit = options.connect_timeout();
    auto connecting = connect_to_any(interleaved(addresses), options);
    auto handle = co_await within(limit, std::move(connecting));
    if (!handle) co_return handle.error();
    co_return tcp_stream(std::move(*handle));
}

task<result<tcp_stream>> tcp_stream::connect(socket_address address, tcp_options options) {
    const auto limit = options.connect_timeout();
    auto handle = co_await within(limit, connect_to(address, options));
    if (!handle) co_return handle.error();
    co_return tcp_stream(std::move(*handle));
}

result<tcp_stream> tcp_stream::adopt(unique_fd fd) {
    auto handle = attach_ip_socket(std::move(fd), socket_kind::stream);
    if (!handle) return handle.error();
    const auto peer = current_kernel().peer_address(handle->owned());
    if (!peer) return peer.error();
    return tcp_stream(std::move(*handle));
}

result<socket_address> tcp_stream::local_address() const {
    return current_kernel().local_address(handle_.owned());
}

result<socket_address> tcp_stream::peer_address() const {
    return current_kernel().peer_address(handle_.owned());
}

}  // namespace conduit
