// SPDX-License-Identifier: BSL-1.0
//
// A matchmaker for a test case, with clients that speak its interface, and sockets to announce.
//
//     test::matchmaker_place there;
//     co_await there.start();
//     auto here = co_await there.connect();
//     test::announced_socket echo = there.listen("echo");
//     auto announced = co_await here->announce(echo.offer("demo.echo"));

#pragma once

#include "temp_dir.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/matchmaker_options.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <string>
#include <vector>

namespace conduit::test {

/// A client of it; here so that the stub is compiled once.
class matchmaker_client {
public:
    explicit matchmaker_client(rpc::client<rpc::matchmaker_interface> made);
    matchmaker_client(matchmaker_client&&) noexcept;
    matchmaker_client& operator=(matchmaker_client&&) noexcept;
    ~matchmaker_client();

    rpc::matchmaker_interface& operator*() const noexcept;
    rpc::matchmaker_interface* operator->() const noexcept { return &**this; }
    rpc::connection& connection() const noexcept;
    task<> close();

private:
    std::unique_ptr<rpc::client<rpc::matchmaker_interface>> inside_;
};

task<matchmaker_client> connect_matchmaker(std::string where);

/// A listening socket in the name of which something is offered.
class announced_socket {
public:
    explicit announced_socket(const std::string& path);

    const std::string& address() const noexcept { return address_; }
    unix_listener& listener() noexcept { return listener_; }
    rpc::instance_offer offer(std::string name) const;
    /// From now on nobody listens there.
    void close() noexcept { listener_.close(); }

private:
    std::string address_;
    unix_listener listener_;
};

class matchmaker_place {
public:
    explicit matchmaker_place(rpc::matchmaker_options options = {});

    /// Starts it and listens.
    task<> start();
    task<matchmaker_client> connect() const { return connect_matchmaker(where); }
    announced_socket listen(const std::string& name) const {
        return announced_socket(folder.path(name));
    }
    /// As if it were killed: nothing is said to anybody.
    void destroy() { server.reset(); }
    /// Another one in its place, with what it kept.
    task<> restart();

    const temp_dir folder;
    const std::string where;
    rpc::matchmaker_options options;
    std::unique_ptr<rpc::matchmaker_server> server;
};

/// The next event of a watch; a failed case where it has ended.
task<rpc::watch_event> next_of(stream<rpc::watch_event>& watch);
/// The next ones up to and with `complete`.
task<std::vector<rpc::watch_event>> until_complete(stream<rpc::watch_event>& watch);
/// The next one that is of this kind of change.
task<rpc::watch_event> until_change(stream<rpc::watch_event>& watch, rpc::change_kind kind);

}  // namespace conduit::test
