// SPDX-License-Identifier: BSL-1.0
//
// A server over all workers of a runtime: each has objects of its own, and serves its share of the
// connections. For one thread use server.hpp, which is as fast until that thread is busy.
//
//     conduit::runtime workers(4);
//     int status = workers.run_until_signal(serve(workers));
//     ...
//     rpc::server_group group(workers);                   // in serve()
//     group.offer<calculator>([] { return std::make_unique<adder>(); });
//     co_await group.listen("unix:/run/x/sock");
//     auto end = co_await group.run();                    // until it is asked to stop
//     co_return end.exit_status();

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/rpc/drain_outcome.hpp>
#include <conduit/rpc/health.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/server_options.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/runtime/runtime.hpp>
#include <conduit/runtime/task.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace conduit::rpc {

namespace detail {
class group_state;
class server_state;
}  // namespace detail

/// Owns a server on each worker. The first worker listens, and hands each connection over to the
/// one that has the fewest; there it stays. Who connected, and the policy on handles, go along.
///
/// An object is called on one thread only: each worker makes its own by the factory. What they are
/// to share stays on one scheduler and is asked there, by conduit::on(); to offer one object on
/// several threads does not compile.
///
/// Of server_options the limits of connections and of strangers are those of the whole group;
/// calls_max(), memory_max(), handles_held_max() and handles_given_max() are divided among the
/// workers, rounded up: they are counted at each call, where workers would wait for each other.
/// Interceptors are called on all workers, several at a time.
///
/// conduit.health and conduit.stats tell of the whole group, whichever worker is asked: to add up
/// what all have done it waits for each of them to come round.
///
/// It belongs to the scheduler that it was made on, which may be a worker; the runtime must outlive
/// it. Destroying it has each worker close everything and destroy its objects, at once but not
/// before this returns; once drain() or run() has returned they are gone. So what objects refer to
/// outlives the runtime, or the group is drained.
class server_group {
public:
    explicit server_group(runtime& workers, server_options options = {});
    server_group(const server_group&) = delete;
    server_group& operator=(const server_group&) = delete;
    ~server_group();

    /// Offers what `make` makes on each worker: it is called once on each, one after the other,
    /// with the first listen(). Each worker's server owns its object, and destroys it there.
    template <class Interface, std::invocable Factory>
        requires std::convertible_to<std::invoke_result_t<Factory&>, std::unique_ptr<Interface>>
    void offer(Factory make) {
        add(row_of<Interface>(), [made_by = std::move(make)]() mutable -> made_object {
            std::shared_ptr<Interface> object = made_by();
            Interface* const address = object.get();
            return {address, std::move(object)};
        });
    }
    template <class Interface>
    void offer(Interface& object) {
        static_assert(sizeof(object) == 0,
                      "several threads would call one object: offer a factory instead, which makes "
                      "one on each worker");
    }

    /// Listens at an address for all workers, and yields it with what the kernel chose. As
    /// server::listen(); stdio: is served by the first worker. One at a time.
    ///
    /// The first one starts the workers' servers: throws what a factory throws, and
    /// std::system_error where a worker is ending; none of them is started then.
    task<address> listen(std::string where);
    task<address> listen(address where);
    /// Takes over what a service manager listens at for this process; as in server.
    task<std::size_t> listen_at_inherited();

    /// As server::run(): serves until it is asked to stop, then drains all workers for
    /// server_options::drain_within(), and yields how that went.
    task<drain_outcome> run();
    void stop();

    /// As server::drain(). Nothing is accepted any more before the first worker begins to drain.
    task<drain_outcome> drain();

    std::size_t connections_now() const;
    /// Of all workers together.
    task<server_counters> counters();
    /// Of those that serve.
    task<server_stats> stats();

    /// As server::set_health(), on all workers; on others than this one, soon. Not while the first
    /// listen() is under way.
    void set_health(std::string service, health_state state);

private:
    /// What the table refers to, and its owner.
    struct made_object {
        void* address;
        std::shared_ptr<void> owner;
    };

    void add(const interface_row& row, std::function<made_object()> make);

    std::unique_ptr<detail::group_state> state_;
};

}  // namespace conduit::rpc
