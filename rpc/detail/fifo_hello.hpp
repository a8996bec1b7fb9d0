// SPDX-License-Identifier: BSL-1.0
//
// How many clients reach one server by FIFOs: at the server's FIFO each writes one record, which
// goes in as a whole, and which names a pair of FIFOs that the client has made beside it. All that
// is said then goes through that pair.
//
//     auto stream = co_await connect_by_fifo("/run/x/calls", &why);        // a client
//
//     auto pair = pair_named_by(*record, "/run/x/calls");                  // the server
//     if (pair) auto stream = co_await open_named_pair(*pair);
//
// The record is the text "conduit fifo 1 " and 32 digits of 0-9 a-f, drawn by chance. The pair is
// duplex_fifo's at the server's path, a dot and these digits: no record leads to another folder.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace conduit::rpc::detail {

/// Makes a pair, tells the server at `path`, and waits until it has opened that. With the first
/// bytes from there the pair loses its names; on failure none are left either. `why` as in
/// channels/connect.hpp.
task<result<any_stream>> connect_by_fifo(std::string path, std::string* why);

/// The path of the pair; nothing where the record is none of ours.
std::optional<std::string> pair_named_by(std::span<const std::byte> record,
                                         const std::string& path);

/// Opens a client's pair, which must be this user's and closed to others, and waits until the
/// client has opened it too.
task<result<any_stream>> open_named_pair(std::string pair);

}  // namespace conduit::rpc::detail
