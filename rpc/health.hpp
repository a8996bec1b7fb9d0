// SPDX-License-Identifier: BSL-1.0
//
// Whether a server is well, for those who send it work: the interface `conduit.health`, which every
// server offers. What it has done is in stats.hpp, what it offers in describe.hpp.
//
//     server.set_health("demo.calculator.v1", rpc::health_state::not_serving);     // at the server
//
//     auto asked = co_await rpc::connect<rpc::health>("unix:/run/x/sock");
//     rpc::health_state now = co_await asked->check("demo.calculator.v1");
//     auto changes = asked->watch("");                    // of the whole server
//     while (auto state = co_await changes.next()) ...    // the present one, then each change

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace conduit::rpc {

enum class health_state : std::uint8_t {
    unknown,      // there is no service of that name
    serving,      // send it work
    not_serving,  // it is there, and does not want any
};

/// "serving"; "unknown" for a number that is none of them.
std::string_view to_string(health_state state) noexcept;

/// What `conduit.health` is. A service is an interface by its name, or whatever else the server has
/// named by set_health(); an empty name stands for the whole server.
///
/// check() and list() are answered also where server_options::calls_max() is reached or the queue
/// stands: a server that has much to do is not taken for one that is ill. watch() takes a place, as
/// calls do.
class health {
public:
    virtual ~health() = default;

    virtual task<health_state> check(std::string service) = 0;
    /// All services that have a state, the whole server by its empty name.
    virtual task<std::map<std::string, health_state>> list() = 0;
    /// The state now, and then each that it changes to; what changes while the receiver is busy is
    /// told once, as the last of it. Ends when the server drains, after it has said not_serving.
    virtual stream<health_state> watch(std::string service) = 0;
};
CONDUIT_INTERFACE(health, "conduit.health", (check, service), list, (watch, service))

constexpr auto conduit_methods(contract<health>) {
    return methods(method<&health::check>().idempotent().essential().text(
                       "Whether a service wants work; the whole server where the name is empty."),
                   method<&health::list>().idempotent().essential().text("All services."),
                   method<&health::watch>().idempotent().text(
                       "The state of a service, now and whenever it changes."));
}

/// The states of services. A server has one; on a connection without a server add it to the table
/// yourself. It must outlive the calls that are made of it.
class health_service final : public health {
public:
    /// The whole server is not serving until serve_all().
    health_service() { states_[""] = {}; }

    /// From now on; asked before serve_all(), it stays so then.
    void set(std::string service, health_state state);
    /// One that serves from serve_all() on.
    void add(std::string service) { states_.try_emplace(std::move(service)); }
    /// Where nothing else was set, services are serving now.
    void serve_all();
    /// Nothing serves any more, whatever is set, and watches end.
    void end_all();

    health_state state_of(std::string_view service) const;

    task<health_state> check(std::string service) override;
    task<std::map<std::string, health_state>> list() override;
    stream<health_state> watch(std::string service) override;

private:
    struct entry {
        health_state state = health_state::not_serving;
        bool was_set = false;
    };
    void tell();

    std::map<std::string, entry, std::less<>> states_;
    bool ended_ = false;
    event changed_;
};

}  // namespace conduit::rpc
