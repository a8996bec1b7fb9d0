// SPDX-License-Identifier: BSL-1.0
//
// Offers objects to other processes, at any number of addresses at a time. The other side writes
// connect.hpp; a single stream that is there already needs connection.hpp only.
//
//     adder here;                                         // implements calculator
//     rpc::server server;
//     server.offer<calculator>(here);
//     co_await server.listen("unix:/run/x/sock");
//     auto at = co_await server.listen("tcp:127.0.0.1:0");    // at.service() is the port
//     auto end = co_await server.run();                   // until it is asked to stop
//     co_return end.exit_status();
//
// Over several threads: server_group.hpp.

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/drain_outcome.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server_options.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/task.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace conduit {
class tcp_listener;
class unix_listener;
}  // namespace conduit

namespace conduit::rpc {

namespace detail {
class server_state;
}

struct server_stats;                     // stats.hpp
enum class health_state : std::uint8_t;  // health.hpp

/// What happened at a server so far, all of which only grows.
struct server_counters {
    std::uint64_t accepted = 0;           // connections that came, also those that were refused
    std::uint64_t refused = 0;            // of users who may not, or beyond a limit
    std::uint64_t pushed_out = 0;         // strangers that gave up their place to others
    std::uint64_t ended = 0;              // connections, for whatever reason
    std::uint64_t handshakes_failed = 0;  // of TLS, also those that took too long
    /// The same by the reason that went over the wire, or would have: see GOAWAY in
    /// docs/reference/wire-protocol.md.
    std::array<std::uint64_t, 16> ended_by_reason{};
    /// Of all connections together, also of those that are there.
    connection_counters connections;

    /// Those of another server.
    void add(const server_counters& more) noexcept;
};

/// Owns its listeners and connections, and runs their work as tasks of its own on the scheduler it
/// was made on, which it must not outlive. One connection never harms another: what it does wrong
/// ends it alone, is counted, and logged, ten lines a second at most.
///
/// It offers conduit.describe (describe.hpp), conduit.health (health.hpp) and conduit.stats
/// (stats.hpp) by itself: its clients may ask what it offers, how it is and what it has done.
///
/// Everything is offered before the first listen() or serve() (asserted). Objects must outlive the
/// server or are owned by it; procedures of one object run side by side, on this one thread.
///
/// Destroying it closes everything at once. A stop request reaches it through run(); it does not
/// cut off by itself what the server is doing.
class server {
public:
    explicit server(server_options options = {});
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Offers an object, which must outlive the server.
    template <class Interface>
    void offer(Interface& object) {
        add(row_of<Interface>(), &object);
    }
    /// Offers what `make` makes, which is called once: a server has one worker, its scheduler. The
    /// server owns the object.
    template <class Interface, std::invocable Factory>
        requires std::convertible_to<std::invoke_result_t<Factory&>, std::unique_ptr<Interface>>
    void offer(Factory make) {
        std::shared_ptr<Interface> object = make();
        add(row_of<Interface>(), object.get());
        keep(std::move(object));
    }

    /// Listens at an address, and yields it with what the kernel chose: the port where it was 0.
    ///
    ///     unix:   see unix_listener.hpp; clients by server_options::clients()
    ///     tcp:    loopback only, unless the options say otherwise; with TLS where they have it
    ///     fifo:   makes a FIFO, where each client tells of a pair of FIFOs that it made
    ///     stdio:  serves one client at this process's standard input and output
    ///
    /// Throws a fault that names the address and the reason: unavailable where the world refuses,
    /// invalid_argument where the address cannot be listened at.
    task<address> listen(std::string where);
    task<address> listen(address where);
    /// Accepts from a listener that was made elsewhere: see channels/unix_listener.hpp and
    /// channels/tcp_listener.hpp.
    void listen(unix_listener listener);
    void listen(tcp_listener listener);
    /// Takes over what a service manager listens at for this process (channels/listen_fds.hpp);
    /// yields how many sockets these are. Throws as listen() does.
    std::size_t listen_at_inherited();

    /// Serves one client over a stream. `name` is for people.
    void serve(any_stream over, std::string name = "a stream");

    /// Serves until it is asked to stop, by the task's stop request, its deadline or stop(); then
    /// drains for server_options::drain_within(), and yields how that went. Ends also when nothing
    /// can come any more: there is no listener, and the last connection has ended.
    ///
    /// Under conduit::run_until_signal() (runtime/run.hpp) SIGTERM and SIGINT ask it to stop; a
    /// second one ends the process at once, by that signal.
    task<drain_outcome> run();
    void stop() noexcept;

    /// Waits until a connection has come and the last of them has ended; yields a zero code, or why
    /// this wait ended before. For servers that are started for their clients only.
    task<std::error_code> until_left();

    /// Accepts no more, tells the clients, lets calls under way end and no new ones begin, then
    /// closes. When this wait is stopped or its deadline passes, it cuts off what is left: calls
    /// are cancelled, and waited for. Yields how it ended. Afterwards the server is of no use.
    task<drain_outcome> drain();

    std::size_t connections_now() const noexcept;
    std::size_t calls_served_now() const noexcept;
    server_counters counters() const;
    /// Calls, times and limits as well; what conduit.stats says.
    server_stats stats() const;

    /// What conduit.health says of a service: an interface that is offered, or any other name. The
    /// empty one is the whole server. Unless said, all of them serve from the first listen() or
    /// serve() on; once it drains none does.
    void set_health(std::string service, health_state state);

private:
    void add(const interface_row& row, void* object);
    void keep(std::shared_ptr<void> object);

    std::unique_ptr<detail::server_state> state_;
};

}  // namespace conduit::rpc
