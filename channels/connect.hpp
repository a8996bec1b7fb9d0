// SPDX-License-Identifier: BSL-1.0
//
// A byte stream to wherever an address leads: what a program does with an address from its command
// line. Code that knows the kind of its channel is better off with that channel's own header, which
// has the options.
//
//     std::string why;
//     auto where = conduit::address::parse(text, &why);
//     if (!where) return complain(why);
//     auto peer = co_await conduit::connect(*where, &why);
//     if (!peer) return complain(why);    // "cannot connect to 'tcp:localhost:1': Connection ..."

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <string>

namespace conduit {

/// Waits until the channel is open, with the options that its own type has by default.
///
///     unix:   unix_stream::connect()
///     tcp:    tcp_stream::connect()
///     fifo:   duplex_fifo::open(): the other side has created the pair
///     exec:   start(): destroying the stream kills the program if it has not ended
///     stdio:  standard_input() and standard_output(), which stay open when the stream is closed
///
/// Fails with what these fail with, and with std::errc::protocol_not_supported for udp:, which
/// carries messages. `*why`, where given, then is one line that says where and what; it must
/// outlive the task.
[[nodiscard]] task<result<any_stream>> connect(address where, std::string* why = nullptr);

}  // namespace conduit
