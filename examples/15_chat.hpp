// SPDX-License-Identifier: BSL-1.0
//
// The contract between 15_chat_server and 15_chat_client: calls go both ways over one connection.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/task.hpp>

#include <string>

/// What the server offers.
class chat_room {
public:
    virtual ~chat_room() = default;

    /// Lasts until the member leaves, by cancelling it or by going away.
    virtual conduit::task<> join(std::string name) = 0;
    virtual conduit::task<> say(std::string name, std::string line) = 0;
};
CONDUIT_INTERFACE(chat_room, "demo.chat_room.v1", (join, name), (say, name, line))

/// What each client offers to the server in return.
class chat_member {
public:
    virtual ~chat_member() = default;

    virtual conduit::task<conduit::rpc::one_way> hear(std::string line) = 0;
};
CONDUIT_INTERFACE(chat_member, "demo.chat_member.v1", (hear, line))
