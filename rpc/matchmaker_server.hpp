// SPDX-License-Identifier: BSL-1.0
//
// A matchmaker: processes tell it what they offer and where, others ask it. conduitd is this in a
// process of its own; a program or a test may also have one inside. Who asks uses matchmaker.hpp.
//
//     rpc::matchmaker_server matchmaker(rpc::matchmaker_options().state("/run/x/state"));
//     co_await matchmaker.start();
//     co_await matchmaker.server().listen("unix:/run/x/matchmaker.sock");
//     auto end = co_await matchmaker.run();               // until it is asked to stop

#pragma once

#include <conduit/rpc/drain_outcome.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_options.hpp>
#include <conduit/rpc/matchmaker_policy.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace conduit::rpc {

namespace detail {
class matchmaker_state;
}

/// Owns its table and its server, and belongs to the scheduler it was made on.
///
/// What was announced is there for as long as the connection over which it was announced, and the
/// process. Death is noticed by the process, at once, and by the connection; that somebody hangs,
/// by pings. Users are told apart by what the kernel says of who sent the first bytes, so whoever
/// announces is connected over a Unix socket; over TCP one may ask, and all who do count as one
/// user.
///
/// Destroying it closes everything at once. Its successor then finds in the state folder what was
/// there matchmaker_options::save_within() ago, or less.
class matchmaker_server {
public:
    /// Names are whose who announces them first, unless use_policy() says otherwise.
    explicit matchmaker_server(matchmaker_options options = {});
    matchmaker_server(const matchmaker_server&) = delete;
    matchmaker_server& operator=(const matchmaker_server&) = delete;
    ~matchmaker_server();

    /// Takes up what a predecessor left, and offers conduit.matchmaker at server(). To be awaited
    /// once, before anybody connects. What cannot be read or kept is said in the log and in
    /// state_problem(), and it goes on without. Throws fault(unavailable) where another matchmaker
    /// uses the state folder, and resource_exhausted where there is no descriptor left to look of
    /// which boot that is what was found.
    task<void> start();

    /// Where it is offered: for listen(), and to offer something beside it before that. Ask run()
    /// and drain() of the matchmaker instead.
    rpc::server& server() noexcept;

    /// From now on, for what is announced and for what is there. Yields how many instances were
    /// removed for it.
    std::size_t use_policy(matchmaker_policy policy);

    /// The table, now. After start().
    table_position at() const noexcept;
    /// Why nothing is kept, or was not taken up; empty where all is well.
    const std::string& state_problem() const noexcept;

    /// As server::run() and server::drain(), but what waits in it is told at once that it ends, and
    /// what is announced stays in the state folder, as it was.
    task<drain_outcome> run();
    void stop() noexcept;
    task<drain_outcome> drain();

private:
    std::unique_ptr<detail::matchmaker_state> state_;
};

}  // namespace conduit::rpc
