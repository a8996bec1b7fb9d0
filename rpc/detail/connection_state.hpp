// SPDX-License-Identifier: BSL-1.0
//
// What is behind a connection: reader, writer, and the tables of calls. The calls use what is
// public here; users see connection.hpp.

#pragma once

namespace conduit::rpc::detail {

class connection_state;

}  // namespace conduit::rpc::detail
