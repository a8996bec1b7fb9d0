// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/detail/server_state.hpp>
#include <conduit/rpc/server.hpp>

#include <string>
#include <utility>

namespace conduit::rpc {
namespace {

task<address> listen_at(detail::server_state* state, std::string where) {
    std::string why;
    auto parsed = address::parse(where, &why);
    if (!parsed) throw fault(status::invalid_argument, "cannot listen: " + why);
    co_return co_await state->listen(std::move(*parsed));
}

}  // namespace

void server_counters::add(const server_counters& more) noexcept {
    accepted += more.accepted;
    refused += more.refused;
    pushed_out += more.pushed_out;
    handshakes_failed += more.handshakes_failed;
    ended += more.ended;
    for (std::size_t i = 0; i < ended_by_reason.size(); ++i) {
        ended_by_reason[i] += more.ended_by_reason[i];
    }
    connections.add(more.connections);
}

server::server(server_options options)
    : state_(std::make_unique<detail::server_state>(std::move(options))) {}

server::~server() = default;

void server::add(const interface_row& row, void* object) { state_->add(row, object); }

void server::keep(std::shared_ptr<void> object) { state_->keep(std::move(object)); }

task<address> server::listen(std::string where) {
    return listen_at(state_.get(), std::move(where));
}

task<address> server::listen(address where) { return state_->listen(std::move(where)); }

void server::listen(unix_listener listener) {
    std::string name = "unix:" + listener.path();
    state_->listen(std::move(listener), std::move(name));
}

void server::listen(tcp_listener listener) {
    const auto at = listener.local_address();
    std::string name = "tcp:" + (at ? to_string(*at) : std::string("unknown"));
    state_->listen(std::move(listener), std::move(name));
}

std::size_t server::listen_at_inherited() { return state_->listen_at_inherited(); }

void server::serve(any_stream over, std::string name) {
    state_->serve(std::move(over), std::move(name));
}

task<drain_outcome> server::run() { return state_->run(); }

void server::stop() noexcept { state_->stop(); }

task<std::error_code> server::until_left() { return state_->until_left(); }

task<drain_outcome> server::drain() { return state_->drain(); }

std::size_t server::connections_now() const noexcept { return state_->connections_now(); }

std::size_t server::calls_served_now() const noexcept { return state_->calls_served_now(); }

server_counters server::counters() const { return state_->counters(); }

server_stats server::stats() const { return state_->stats(); }

void server::set_health(std::string service, health_state state) {
    state_->set_health(std::move(service), state);
}

}  // namespace conduit::rpc
