// SPDX-License-Identifier: BSL-1.0
//
// Whether an address is the announcer's, and a connection to it. Somebody could announce where
// another user listens, or where nobody does: so the matchmaker goes there and looks.
//
//     auto stream = co_await connect_to_announced(where, owner.uid, 1s);
//     if (!stream) table.suspect(id);                     // stream.error() says where and why

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>

namespace conduit::rpc::detail {

/// Waits until a process of user `owner` has been reached at a unix: address, for at most `limit`.
/// Fails with permission_denied where another user listens, with unavailable where nobody does or
/// the time is over, with resource_exhausted where this process has no descriptor or memory left to
/// look, and with deadline_exceeded or cancelled where the task was ended.
task<result<unix_stream, fault>> connect_to_announced(address where, std::uint32_t owner,
                                                      clock::duration limit);

/// The same of any address that can be announced, as a check. With tcp: the host must be a number
/// of this host, or localhost; whether somebody listens there is asked of nobody, since who that is
/// cannot be told. Fails with invalid_argument for other hosts.
task<result<void, fault>> check_announced(address where, std::uint32_t owner,
                                          clock::duration limit);

/// Whether somebody still listens there, also with tcp:.
task<result<void, fault>> probe_announced(address where, std::uint32_t owner,
                                          clock::duration limit);

}  // namespace conduit::rpc::detail
