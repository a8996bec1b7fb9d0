// SPDX-License-Identifier: BSL-1.0
//
// Tells who started this process how it is, by the protocol of sd_notify(3): a datagram to the
// socket that NOTIFY_SOCKET names. Does nothing where nobody wants to know.

#pragma once

#include <string>

namespace conduit::daemon {

void tell_ready(const std::string& status);
/// It reads its configuration again; tell_ready() says that this is over.
void tell_reloading();
void tell_stopping();

}  // namespace conduit::daemon
