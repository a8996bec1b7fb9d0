// SPDX-License-Identifier: BSL-1.0
#include "matchmaker_place.hpp"

#include <conduit/rpc/connect.hpp>
#include <conduit/runtime/assert.hpp>

#include <utility>

namespace conduit::test {

using client = rpc::client<rpc::matchmaker_interface>;

matchmaker_client::matchmaker_client(client made)
    : inside_(std::make_unique<client>(std::move(made))) {}
matchmaker_client::matchmaker_client(matchmaker_client&&) noexcept = default;
matchmaker_client& matchmaker_client::operator=(matchmaker_client&&) noexcept = default;
matchmaker_client::~matchmaker_client() = default;

rpc::matchmaker_interface& matchmaker_client::operator*() const noexcept { return **inside_; }
rpc::connection& matchmaker_client::connection() const noexcept { return inside_->connection(); }
task<> matchmaker_client::close() { return inside_->close(); }

task<matchmaker_client> connect_matchmaker(std::string where) {
    handle_policy sockets;
    sockets.allow(handle_type::unix_socket);
    rpc::connection_options limits;
    limits.handles(sockets);
    rpc::connect_options options;
    options.connection(std::move(limits));
    auto made = co_await rpc::connect<rpc::matchmaker_interface>(std::move(where), options);
    co_return matchmaker_client(std::move(made));
}

announced_socket::announced_socket(const std::string& path)
    : address_("unix:" + path), listener_(unix_listener::listen(path).value()) {}

rpc::instance_offer announced_socket::offer(std::string name) const {
    rpc::instance_offer made;
    made.name = std::move(name);
    made.address = address_;
    return made;
}

matchmaker_place::matchmaker_place(rpc::matchmaker_options given)
    : where("unix:" + folder.path("matchmaker.sock")),
      options(std::move(given)),
      server(std::make_unique<rpc::matchmaker_server>(options)) {}

task<> matchmaker_place::start() {
    co_await server->start();
    co_await server->server().listen(where);
}

task<> matchmaker_place::restart() {
    server.reset();
    server = std::make_unique<rpc::matchmaker_server>(options);
    co_await start();
}

task<rpc::watch_event> next_of(stream<rpc::watch_event>& watch) {
    auto next = co_await watch.next();
    CONDUIT_ASSERT(next.has_value(), "a watch does not end by itself");
    co_return std::move(*next);
}

task<std::vector<rpc::watch_event>> until_complete(stream<rpc::watch_event>& watch) {
    std::vector<rpc::watch_event> told;
    do {
        auto next = co_await next_of(watch);
        told.push_back(std::move(next));
    } while (told.back().kind != rpc::watch_event_kind::complete);
    co_return told;
}

task<rpc::watch_event> until_change(stream<rpc::watch_event>& watch, rpc::change_kind kind) {
    for (;;) {
        auto next = co_await next_of(watch);
        const bool is_wanted = next.kind == rpc::watch_event_kind::change && next.change == kind;
        if (is_wanted) co_return next;
    }
}

}  // namespace conduit::test
