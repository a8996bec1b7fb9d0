// SPDX-License-Identifier: BSL-1.0
//
// What becomes of a connection whose peer sends the wrong bytes.
//
//     auto ended = co_await test::verdict_on(test::joined({test::greeting(), wrong}));
//     REQUIRE(ended.told->reason == goaway_reason::protocol);

#pragma once

#include "../support/raw_peer.hpp"
#include "probe.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::test {

/// A server of `probe` at one end of a memory stream, a raw peer at the other.
struct raw_client {
    explicit raw_client(const rpc::connection_options& options = {},
                        raw_peer::hearing with = raw_peer::hearing::hears)
        : raw_client(make_memory_stream_pair(), options, with) {}
    template <class Ends>
    raw_client(Ends ends, const rpc::connection_options& options,
               raw_peer::hearing with = raw_peer::hearing::hears)
        : offers(table_of(service)),
          server(any_stream(std::move(ends.first)), offers, options),
          peer(any_stream(std::move(ends.second)), with) {}

    probe_service service;
    rpc::service_table offers;
    rpc::connection server;
    raw_peer peer;

private:
    static rpc::service_table table_of(probe& object) {
        rpc::service_table made;
        made.add<probe>(object);
        return made;
    }
};

/// A connection that calls, and a raw peer that is to answer.
struct raw_server {
    explicit raw_server(const rpc::connection_options& options = {})
        : raw_server(make_memory_stream_pair(), options) {}
    template <class Ends>
    raw_server(Ends ends, const rpc::connection_options& options)
        : client(any_stream(std::move(ends.first)), options),
          peer(any_stream(std::move(ends.second))),
          there(client) {}

    rpc::connection client;
    raw_peer peer;
    rpc::stub<probe> there;
};

struct verdict {
    std::optional<raw_peer::goaway_seen> told;  // what the peer was told
    rpc::detail::wire_fault why;                // what this side knows
    rpc::connection_counters counters;
    std::vector<raw_peer::end_seen> ends;
};

/// Sends the bytes to a server of `probe`, and waits until that has ended the connection.
inline task<verdict> verdict_on(bytes what, rpc::connection_options options = {}) {
    raw_client with(options);
    co_await with.peer.send(std::move(what));
    co_await with.peer.half_close();  // one that takes no offence has nothing to wait for
    co_await with.peer.until_told_off();
    with.peer.hang_up();
    co_await with.server.until_down();
    verdict ended;
    ended.told = with.peer.goaway;
    ended.why = *with.server.why();
    ended.counters = with.server.counters();
    ended.ends = with.peer.ends;
    co_return ended;
}

/// What is wrong with a verdict, or nothing.
inline std::string differs(const verdict& ended, rpc::detail::goaway_reason reason,
                           const std::vector<std::string>& words) {
    if (!ended.told) return "no GOAWAY; " + ended.why.text;
    std::string wrong;
    if (ended.told->reason != reason) {
        wrong += "reason " + std::to_string(static_cast<int>(ended.told->reason)) + "; ";
    }
    for (const std::string& word : words) {
        if (ended.told->text.find(word) == std::string::npos) wrong += "no '" + word + "'; ";
    }
    if (ended.why.reason != reason || ended.why.text != ended.told->text) {
        wrong += "why() says " + ended.why.text + "; ";
    }
    if (!wrong.empty()) wrong += "it says " + ended.told->text;
    return wrong;
}

inline bytes echo_frame(std::uint32_t stream, std::string_view text,
                        std::string_view name = "test.probe/echo") {
    const std::string message = encoded_text(text);
    return open_frame(stream, 0, {.name = name, .message = message});
}

}  // namespace conduit::test
