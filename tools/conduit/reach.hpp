// SPDX-License-Identifier: BSL-1.0
//
// From what stands on the command line to the server that is meant: by its address, or by the name
// of an interface, for which the matchmaker is asked.
//
//     const target meant = target_of(wanted, "a NAME or an ADDRESS");
//     reached there = co_await reach(given, meant);
//     rpc::stub<rpc::stats> stats(there.peer.connection());

#pragma once

#include "commands.hpp"
#include "request.hpp"

#include <conduit/rpc/client.hpp>
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/runtime/task.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace conduit::tool {

/// Which server is meant, and what was said besides.
struct target {
    std::string address;             // empty: who offers `name`
    std::string name;                // of an interface; empty where there is an address
    std::vector<std::string> words;  // those that are left
};

/// Whether a word is an address: it begins with "unix:" or another kind.
bool is_address(std::string_view word) noexcept;

/// What --at says, or else the first word. Throws failure where there is neither; `expected` says
/// what should be there.
target target_of(const request& wanted, std::string_view expected);

/// A connection, and where it leads.
struct reached {
    reached(std::string address, rpc::client<rpc::describer> made)
        : where(std::move(address)), peer(std::move(made)) {}

    std::string where;
    rpc::client<rpc::describer> peer;
};

/// Connects to an address; with --wait as soon as somebody listens there. Throws failure, with what
/// is at fault and where.
task<reached> reach_address(const request& wanted, std::string address);

/// Connects to who is meant. Of a name that nobody offers it throws failure at once, and after
/// three seconds where nobody who does can be reached, unless --wait is given.
task<reached> reach(const surroundings& given, target meant);

/// Who offers a name, as the matchmaker says: with --wait as soon as somebody does, without it
/// throws failure where nobody does.
task<rpc::found_instances> find_instances(const surroundings& given, std::string name);

/// Whether the matchmaker is needed: nothing that was said is an address.
bool asks_matchmaker(const request& wanted) noexcept;

/// The matchmaker that the command line names, or else CONDUIT_MATCHMAKER, or the rule for this
/// user. Throws failure where that is no place.
rpc::matchmaker_client_options matchmaker_options_of(const request& wanted);

/// How to connect, by the options for TLS and users. Throws failure for what they name and is not
/// there.
rpc::connect_options connect_options_of(const request& wanted);

/// Throws why a question to `what` was not answered: the fault itself where this task was stopped,
/// else a failure. A question changes nothing, so who went away meanwhile counts as not reached.
[[noreturn]] void throw_unanswered(const rpc::fault& why, std::string_view what);

}  // namespace conduit::tool
