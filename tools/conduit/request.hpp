// SPDX-License-Identifier: BSL-1.0
//
// What the command line asks for, once it has been read (command_line.hpp).

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/clock.hpp>

#include <optional>
#include <string>
#include <vector>

namespace conduit::tool {

struct request {
    std::string verb;                // "list"
    std::vector<std::string> words;  // what follows it and is no option
    std::string at;                  // the address of a server; empty: ask the matchmaker
    std::string matchmaker;          // its address; empty: where it is for this user
    std::optional<clock::duration> timeout;
    std::string colour = "auto";  // or "always", "never"
    bool json = false;
    bool names_only = false;
    bool wait = false;
    bool watch = false;
    bool prometheus = false;
    std::optional<rpc::interface_version> version;
    std::vector<std::string> tags;
    std::vector<std::string> server_users;  // numbers, names, or "any"
    bool tls = false;                       // trusting the authorities of this system
    std::vector<std::string> tls_trust;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_name;

    bool uses_tls() const noexcept { return tls || !tls_trust.empty(); }
};

}  // namespace conduit::tool
